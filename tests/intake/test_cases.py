"""Small files that people really have: each row of the table says what must come of one.

The table and the files stand outside the project, in the folder that CLIENTELE_CASES names (its README says
what the columns mean). Where it is not set, these tests are skipped; test_kinds.py has inputs of its own.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import TESTED_UP_TO_EVENTS, Account, House

from clientele.cli import main

FOLDER = Path(os.environ.get("CLIENTELE_CASES", ""))
IS_THERE = bool(os.environ.get("CLIENTELE_CASES")) and (FOLDER / "cases.csv").exists()
pytestmark = pytest.mark.skipif(not IS_THERE, reason="CLIENTELE_CASES: not set")

# The table counts 12 events; the file's bytes hold 8 line ends, and so a header and 8 events.
MISCOUNTED = {"47_mixed_ends.csv": 8}
LATER = "70_price_format_b.csv"
NO_LIMIT = {"on_refused_file": "skip", "quarantine_warn_share": 0.1, "quarantine_refuse_share": 1}


@dataclass(frozen=True)
class Case:
    file: str
    outcome: str
    read: int
    quarantined: int
    duplicates: int
    headers: int
    word: str
    must_hold: str

    @property
    def has_own_build(self) -> bool:
        return self.must_hold.startswith(("with user_id_kind", "with text ids"))


def cases() -> dict[str, Case]:
    if not IS_THERE:
        return {}
    with (FOLDER / "cases.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            Case(**{name: int(text) if text.isdigit() else text for name, text in row.items()})
            for row in csv.DictReader(file)
        ]
    return {case.file: case for case in rows}


CASES = cases()
READ = [case.file for case in CASES.values() if case.outcome == "read" and not case.has_own_build]


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> House:
    """Build the files to be read in one build, and what comes later in the next."""
    house = House(tmp_path_factory.mktemp("cases"), dict(NO_LIMIT), papers=False)
    for name in READ:
        if name != LATER:
            (house.lake / name).symlink_to(FOLDER / "files" / name)
    house.build(*TESTED_UP_TO_EVENTS)
    (house.lake / LATER).symlink_to(FOLDER / "files" / LATER)
    house.build(*TESTED_UP_TO_EVENTS)
    return house


@pytest.fixture(scope="module")
def accounts(house) -> dict[str, Account]:
    return house.accounts()


@pytest.mark.parametrize("name", READ)
def test_lines_are_divided(house, accounts, name):
    case, account = CASES[name], accounts[name]
    events = MISCOUNTED.get(name, case.read)
    reasons = {
        reason
        for file, _, reason in house.quarantine()
        if file == name and case.word and not (name.startswith("52") or name.startswith("53"))
    }
    assert (account.loaded, account.quarantined, account.duplicates, account.headers) == (
        events,
        case.quarantined,
        case.duplicates,
        case.headers,
    ), reasons
    assert account.unaccounted == 0
    if case.quarantined:
        assert reasons == {case.word}


def of(name: str, what: str) -> str:
    return (
        f"select {what} from core.events inner join vault.vault.event_files using (file_id) "
        f"where file_name = '{name}'"
    )


def times(house: House, name: str) -> list[str]:
    return [str(time) for (time,) in house.rows(of(name, "distinct event_at") + " order by all")]


def test_times_are_those_of_utc(house):
    assert times(house, "09_epoch_s.csv") == [f"2019-10-10 10:00:0{n}" for n in range(4)]
    assert times(house, "11_iso_z.csv")[0] == "2019-10-10 10:00:00"
    assert times(house, "14_offset.csv")[0] == "2019-10-10 10:02:00"
    assert times(house, "15_offset0.csv")[0] == "2019-10-10 12:02:00"
    assert times(house, "16_naive.csv")[0] == "2019-10-10 12:03:00"
    assert times(house, "17_minutes_only.csv")[0] == "2019-10-10 12:00:00"
    assert times(house, "p03_tz_utc.parquet") == times(house, "p04_tz_berlin.parquet")
    assert times(house, "p19_int96.parquet")[0] == times(house, "p13_epoch_int.parquet")[0]
    for name, fraction in (("12_frac3.csv", 123_000_000), ("p22_ms.parquet", 500_000_000)):
        assert times(house, name)[0].endswith(":00")
        assert fraction in {row[0] for row in house.rows(of(name, "fraction_ns"))}


def test_values_are_in_one_spelling(house):
    assert house.rows(of("19_null_words.csv", "distinct brand, category_code")) == [(None, None)]
    sessions = of("19_null_words.csv", "count(*)") + " and session_sk = 0"
    assert house.value(sessions) == 4
    assert {row[0] for row in house.rows(of("28_price_exp.csv", "cast(price as varchar)"))} == {"12.3000"}
    assert {row[0] for row in house.rows(of("p09_float32.parquet", "cast(price as varchar)"))} == {"12.3000"}
    assert house.rows(of("34_no_category_code.csv", "distinct category_code")) == [(None,)]
    for name in ("35_space_after_comma.csv", "68_trailing_spaces.csv", "84_brand_case.csv"):
        assert house.rows(of(name, "distinct brand")) == [("acme",)]
    assert house.value(of("43_user_leading_zero.csv", "count(distinct user_sk)")) == 1
    assert house.value(of("07_user_float.csv", "count(distinct user_sk)")) == 1
    user = "select user_id from vault.vault.user_keys where user_id in (700000007, 700000043) order by all"
    assert [row[0] for row in house.rows(user)] == [700000007, 700000043]
    assert sorted(house.rows(of("37_event_type_words.csv", "event_type, count(*)") + " group by all")) == [
        ("cart", 4),
        ("purchase", 4),
        ("view", 4),
    ]
    assert house.value(of("p14_brand_nan_object.parquet", "count(*)") + " and brand is null") == 2
    assert house.value(of("71_session_shared.csv", "count(distinct user_sk)")) == 2


TEXT = {"user_id_kind": "text", "product_id_kind": "text"}


def test_ids_that_are_text_have_a_build_of_their_own(tmp_path):
    house = House(tmp_path, NO_LIMIT | TEXT, papers=False)
    names = [case.file for case in CASES.values() if case.has_own_build]
    for name in names:
        (house.lake / name).symlink_to(FOLDER / "files" / name)
    house.build(*TESTED_UP_TO_EVENTS)
    accounts = house.accounts()
    for name in names:
        assert (accounts[name].loaded, accounts[name].headers) == (CASES[name].read, CASES[name].headers), (
            name
        )
    for name in ("40_user_uuid.csv", "42_user_65bit.csv"):
        assert house.value(of(name, "count(distinct user_sk)")) == 1
    assert house.value(of("45_product_sku.csv", "count(distinct product_id)")) == 1
    # the same warehouse is not read with the other kind
    other = house.run(*TESTED_UP_TO_EVENTS, variables={"user_id_kind": "integer"})
    assert not other.succeeded
    assert "user_id_kind was text and is integer" in other.said


def test_ids_that_are_text_are_quarantined_by_default(tmp_path):
    house = House(tmp_path, NO_LIMIT, papers=False)
    names = {case.file for case in CASES.values() if case.has_own_build}
    for name in names:
        (house.lake / name).symlink_to(FOLDER / "files" / name)
    house.build(*TESTED_UP_TO_EVENTS)
    reasons = {name: "bad_product_id" if "sku" in name else "bad_user_id" for name in names}
    found = {(name, reason) for name, _, reason in house.quarantine()}
    assert found == set(reasons.items())


def test_refusals_name_what_the_file_is(monkeypatch):
    refused = [case for case in CASES.values() if case.outcome == "refuse"]
    monkeypatch.setenv("CLIENTELE_EVENTS", "\n".join(str(FOLDER / "files" / case.file) for case in refused))
    done = CliRunner().invoke(main, ["check"])
    assert done.exit_code == 1, done.output
    for case in refused:
        (said,) = [line for line in done.output.splitlines() if case.file in line]
        assert case.word in said, said
        assert "refused" in said
    assert "700000061" not in done.output
    assert "delimiter: semicolon" in done.output
    assert "delimiter: tab" in done.output
    assert "decimal: comma" in done.output
