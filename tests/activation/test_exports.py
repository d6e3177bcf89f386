"""Exports over random histories: what a destination has after an acknowledged export is what the audience is.

The tables of a build stand in a DuckDB of their own, with the columns that exports read; the SQL that works
on them is the real one.
"""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from support import IS_LONG

from clientele.activation.destinations import DeliveryError
from clientele.activation.exports import activate, as_csv, user_ids
from clientele.activation.ledger import Export, Ledger, LedgerError
from clientele.runtime.warehouses import Connection

CUSTOMERS = [f"{number:032x}" for number in range(12)]
TABLES = """
attach ':memory:' as vault;
create schema vault.vault; create schema marts; create schema core; create schema monitor;
create table vault.vault.destination_ledger (destination varchar, audience varchar, member_key varchar,
    standing varchar, export_number bigint);
create table vault.vault.exports (export_number bigint, destination varchar, audience varchar,
    purpose varchar, status varchar, reason varchar, as_of_date date, started_at timestamp,
    ended_at timestamp, n_added bigint, n_removed bigint, n_members bigint);
create table vault.vault.user_keys (user_sk bigint, user_key varchar, user_id bigint);
create table vault.vault.objections (user_id bigint); create table vault.vault.restrictions (user_id bigint);
create table core.audience_matches (audience varchar, user_key varchar);
create table core.profiling_objections (user_sk bigint); create table core.events (user_sk bigint);
create table marts.audience_members (audience varchar, user_key varchar);
create table marts.audiences (audience varchar, label varchar, purpose varchar, status varchar,
    reason varchar, as_of_date date, max_leaving_share double, destinations varchar,
    consent_purpose varchar);
create table core.consent_states (user_sk bigint, purpose varchar, consent_state varchar);
create table monitor.run_log (run_id varchar, entry varchar, status varchar, logged_at timestamp);
create table vault.vault.generation as
    select 1::bigint as generation, 'a' as token, cast(null as varchar) as next_token;
create table vault.vault.key_ring as select 'sealed' as sealed;
create table vault.vault.requests (request_number bigint, kind varchar, finished_at timestamp);
create table monitor.generation as select 1::bigint as generation, 'a' as token, '0.0.1' as built_by;
create table monitor.requests_done as select 0::bigint as n_requests;
insert into monitor.run_log values ('1', 'started', '', '2020-01-01');
insert into monitor.run_log values ('1', 'ended', 'succeeded', '2020-01-01');
"""


class Shop:
    """What a build leaves, and what people do to it between builds."""

    def __init__(
        self, share: float = 1.0, audiences: tuple[str, ...] = ("loyal",), places: str = "crm"
    ) -> None:
        self.connection = duckdb.connect()
        self.connection.execute(TABLES)
        self.connection.executemany(
            "insert into vault.vault.user_keys values ($1, $2, $1 + 100)", list(enumerate(CUSTOMERS))
        )
        for name in audiences:
            self.connection.execute(
                "insert into marts.audiences "
                "values (?, ?, 'a mail', 'active', null, '2020-01-01', ?, ?, 'mail')",
                [name, name.title(), share, places],
            )
        self.ledger = Ledger(Connection(self.connection, "vault.vault"))

    def build(self, members: set[str], audience: str = "loyal") -> None:
        self.connection.execute("delete from marts.audience_members where audience = ?", [audience])
        for key in sorted(members):
            self.connection.execute("insert into marts.audience_members values (?, ?)", [audience, key])

    def erase(self, key: str) -> None:
        self.connection.execute("delete from vault.vault.user_keys where user_key = ?", [key])
        self.connection.execute("delete from marts.audience_members where user_key = ?", [key])

    def object(self, key: str) -> None:
        self.connection.execute(
            "insert into core.profiling_objections "
            "select user_sk from vault.vault.user_keys where user_key = ?",
            [key],
        )
        self.connection.execute("delete from marts.audience_members where user_key = ?", [key])

    def consent(self, key: str, state: str, purpose: str = "mail") -> None:
        self.connection.execute(
            "insert into core.consent_states "
            "select user_sk, ?, ? from vault.vault.user_keys where user_key = ?",
            [purpose, state, key],
        )

    def members(self, audience: str = "loyal") -> set[str]:
        rows = self.connection.execute(
            "select user_key from marts.audience_members where audience = ?", [audience]
        )
        return {key for (key,) in rows.fetchall()}

    def standings(self) -> dict[str, str]:
        rows = self.connection.execute("select member_key, standing from vault.vault.destination_ledger")
        return dict(rows.fetchall())


class Killed(BaseException):
    """The process ends before the acknowledgement is written down."""


@dataclass
class Crm:
    """A destination that keeps sets, and does what it is told to: fail before, in the middle or after."""

    name: str = "crm"
    behaviour: str = "well"
    held: dict[str, set[str]] = field(default_factory=dict)
    ever_sent: set[tuple[str, str]] = field(default_factory=set)
    removed_unknown: list[str] = field(default_factory=list)
    last_export: int = 0

    def send(self, export: Export) -> None:
        assert export.number > self.last_export, "an older export after a newer one"
        self.last_export = export.number
        audience = export.audience.name
        held = self.held.setdefault(audience, set())
        removed = [key for batch in export.removed(3) for key in batch]
        added = [key for batch in export.added(3) for key in batch]
        self.removed_unknown += [key for key in removed if (audience, key) not in self.ever_sent]
        self.ever_sent |= {(audience, key) for key in added}
        if self.behaviour == "down":
            raise DeliveryError("crm is down")
        if self.behaviour == "half":
            removed, added = removed[: len(removed) // 2 + 1], added[: len(added) // 2]
        for _ in range(2 if self.behaviour == "twice" else 1):
            held -= set(removed)
            held |= set(added)
            if self.behaviour != "half":
                told = {key for batch in export.members(3) for key in batch}
                assert not export.has_additions or told == held
        if self.behaviour in ("half", "lost"):
            raise DeliveryError("crm gave no answer")
        if self.behaviour == "killed":
            raise Killed

    def has_leftovers(self, audience: str, n_members: int) -> bool:
        return False


def run(shop: Shop, crm: Crm, **options: object) -> list:
    return list(activate(shop.ledger, {"crm": crm}, **options))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("build"), st.sets(st.sampled_from(CUSTOMERS))),
        st.tuples(st.sampled_from(["erase", "object"]), st.sampled_from(CUSTOMERS)),
        st.tuples(st.just("send"), st.sampled_from(["well", "twice", "down", "half", "lost", "killed"])),
        st.tuples(st.just("try"), st.none()),
    ),
    min_size=1,
    max_size=14,
)


@settings(
    max_examples=2000 if IS_LONG else 40,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(STEPS)
def test_a_destination_has_the_audience_after_each_acknowledged_export(steps):
    """Random members, requests of customers, failures, repeated and lost acknowledgements."""
    shop, crm, gone = Shop(), Crm(), set()
    for step, what in [*steps, ("send", "well")]:
        if step == "build":
            shop.build(what - gone)
        elif step in ("erase", "object"):
            getattr(shop, step)(what)
            gone.add(what)
        elif step == "try":
            before = shop.standings()
            run(shop, crm, dry_run=True)
            assert shop.standings() == before
        else:
            crm.behaviour = what
            try:
                outcomes = run(shop, crm)
            except Killed:
                shop.ledger.warehouse.rollback()
                continue
            if what in ("well", "twice"):
                assert all(outcome.is_well for outcome in outcomes)
                assert crm.held.get("loyal", set()) == shop.members()
                assert shop.standings() == dict.fromkeys(shop.members(), "member")
                assert not crm.held.get("loyal", set()) & gone
        assert crm.removed_unknown == []
        # whoever may be there is written down
        assert crm.held.get("loyal", set()) <= shop.standings().keys()


def test_a_second_run_has_nothing_to_do():
    shop, crm = Shop(), Crm()
    shop.build(set(CUSTOMERS[:4]))
    assert [outcome.status for outcome in run(shop, crm)] == ["acknowledged"]
    (again,) = run(shop, crm)
    assert again.status == "nothing" and again.counts.n_members == 4
    assert crm.last_export == 1


def test_an_export_stops_when_more_would_leave_and_still_removes_the_erased():
    shop, crm = Shop(share=0.3), Crm()
    shop.build(set(CUSTOMERS[:10]))
    run(shop, crm)
    shop.build(set(CUSTOMERS[4:11]))
    shop.erase(CUSTOMERS[9])
    (stopped,) = run(shop, crm)
    assert not stopped.is_well and stopped.counts.n_leaving == 4
    assert "4 would leave, more than 30%" in stopped.reason and "--allow-leaving" in stopped.reason
    assert crm.held["loyal"] == set(CUSTOMERS[:9]), "the erased one is gone, nobody came or left otherwise"
    kept = shop.ledger.rows("select reason from vault.vault.exports order by export_number")[-1]
    assert kept == ("Stopped: more than 30% of those there would leave.",), "what is published counts nobody"
    (allowed,) = run(shop, crm, allow_leaving=True)
    assert allowed.is_well and crm.held["loyal"] == shop.members()


@pytest.mark.parametrize("is_well", [True, False], ids=["too many would leave", "a build that broke off"])
def test_who_withdrew_consent_is_removed_though_the_export_stops(is_well):
    shop, crm = Shop(share=0.3), Crm()
    shop.build(set(CUSTOMERS[:10]))
    run(shop, crm)
    for key, state in zip(CUSTOMERS, ["withdrawn", "given", "withdrawn", "in_doubt"], strict=False):
        shop.consent(key, state)
    shop.consent(CUSTOMERS[5], "withdrawn", "ads")
    shop.build(set(CUSTOMERS[6:8]))
    if not is_well:
        shop.connection.execute("insert into monitor.run_log values ('2', 'started', '', '2020-01-02')")
    (stopped,) = run(shop, crm)
    assert not stopped.is_well and stopped.counts.n_required == 2
    assert crm.held["loyal"] == set(CUSTOMERS[:10]) - {CUSTOMERS[0], CUSTOMERS[2]}


def test_what_was_sent_and_not_acknowledged_is_removed_though_the_export_stops():
    """An addition without an answer may be there: the customer is removed, and not added again."""
    shop, crm = Shop(share=0.1), Crm()
    shop.build(set(CUSTOMERS[:5]))
    run(shop, crm)
    shop.build(set(CUSTOMERS[:6]))
    crm.behaviour = "lost"
    run(shop, crm)
    assert shop.standings()[CUSTOMERS[5]] == "adding" and CUSTOMERS[5] in crm.held["loyal"]
    crm.behaviour = "well"
    shop.build(set(CUSTOMERS[:2]))
    run(shop, crm)
    assert crm.held["loyal"] == set(CUSTOMERS[:5])


def test_tables_of_a_build_that_did_not_end_well_are_not_sent():
    shop, crm = Shop(), Crm()
    shop.build(set(CUSTOMERS[:5]))
    run(shop, crm)
    shop.connection.execute("insert into monitor.run_log values ('2', 'started', '', '2020-01-02')")
    shop.build(set(CUSTOMERS[2:8]))
    shop.object(CUSTOMERS[3])
    (outcome,) = run(shop, crm)
    assert "did not end well" in outcome.reason
    assert crm.held["loyal"] == set(CUSTOMERS[:5]) - {CUSTOMERS[3]}


def test_after_a_rotation_old_pseudonyms_go_and_the_others_come():
    shop, crm = Shop(share=0.0), Crm()
    shop.build(set(CUSTOMERS[:3]))
    run(shop, crm)
    shop.connection.execute("update vault.vault.user_keys set user_key = 'f' || user_key")
    shop.build({f"f{key}" for key in CUSTOMERS[:3]})
    (outcome,) = run(shop, crm)
    assert outcome.is_well and crm.held["loyal"] == {f"f{key}" for key in CUSTOMERS[:3]}


def test_an_audience_that_is_removed_leaves_its_destinations():
    shop, crm = Shop(audiences=("loyal", "new")), Crm()
    shop.build(set(CUSTOMERS[:3]))
    shop.build(set(CUSTOMERS[2:5]), "new")
    run(shop, crm)
    shop.build(set())
    shop.connection.execute("delete from marts.audiences where audience = 'loyal'")
    loyal, new = run(shop, crm)
    assert loyal.counts.n_removed == 3 and crm.held == {"loyal": set(), "new": set(CUSTOMERS[2:5])}
    assert new.status == "nothing"


def test_a_destination_that_an_audience_names_no_more_is_left():
    """Its members leave there, and stay where the audience still goes."""
    shop, crm, other = Shop(places="crm shop", share=0.3), Crm(), Crm("shop")
    shop.build(set(CUSTOMERS[:3]))
    list(activate(shop.ledger, {"crm": crm, "shop": other}))
    shop.connection.execute("update marts.audiences set destinations = 'shop'")
    shop.build(set(CUSTOMERS[:4]))
    left, kept = activate(shop.ledger, {"crm": crm, "shop": other})
    assert left.is_well and left.counts.n_removed == 3 and crm.held["loyal"] == set()
    assert kept.is_well and other.held["loyal"] == set(CUSTOMERS[:4])
    assert [outcome.destination for outcome in activate(shop.ledger, {"crm": crm, "shop": other})] == ["shop"]


def test_an_audience_whose_last_day_is_over_leaves_its_destinations():
    shop, crm = Shop(share=0.3), Crm()
    shop.build(set(CUSTOMERS[:5]))
    run(shop, crm)
    shop.build(set())
    (stopped,) = run(shop, crm)
    assert "5 would leave" in stopped.reason and len(crm.held["loyal"]) == 5, "an empty feed looks like that"
    shop.connection.execute("update marts.audiences set status = 'expired', reason = 'Its last day is over.'")
    (outcome,) = run(shop, crm)
    assert outcome.is_well and crm.held["loyal"] == set() and "Its last day is over." in outcome.described()


def test_an_audience_that_has_shrunk_below_its_minimum_leaves_its_destinations():
    """What counts is who meets its conditions no more: with nearly everybody gone the feed may be broken."""
    shop, crm = Shop(share=0.3), Crm()
    shop.build(set(CUSTOMERS[:10]))
    run(shop, crm)
    shop.build(set())
    shop.connection.execute("update marts.audiences set status = 'too_small', reason = 'Fewer customers.'")
    matches = [("loyal", key) for key in CUSTOMERS[:6]]
    shop.connection.executemany("insert into core.audience_matches values (?, ?)", matches)
    (stopped,) = run(shop, crm)
    assert "4 would leave, more than 30%" in stopped.reason and len(crm.held["loyal"]) == 10
    shop.connection.execute("insert into core.audience_matches values ('loyal', ?)", [CUSTOMERS[6]])
    (outcome,) = run(shop, crm)
    assert outcome.is_well and crm.held["loyal"] == set() and outcome.counts.n_removed == 10


def test_one_destination_that_fails_keeps_no_other_waiting():
    shop, down, up = Shop(places="crm shop"), Crm(behaviour="down"), Crm("shop")
    shop.build(set(CUSTOMERS[:3]))
    first, second = activate(shop.ledger, {"crm": down, "shop": up})
    assert not first.is_well and "crm is down" in first.reason
    assert second.is_well and up.held["loyal"] == set(CUSTOMERS[:3])


@pytest.mark.parametrize("register", ["objections", "restrictions"])
def test_who_has_objected_goes_nowhere_though_a_mart_still_holds_them(register):
    """The register is asked itself: whatever was built, and whatever was not, since."""
    shop, crm = Shop(), Crm()
    everywhere = {"crm": crm}
    shop.build(set(CUSTOMERS[:2]))
    list(activate(shop.ledger, everywhere))
    shop.build(set(CUSTOMERS[:4]))
    shop.connection.execute(f"insert into vault.vault.{register} values (101), (102)")
    (planned,) = activate(shop.ledger, everywhere, dry_run=True)
    assert (planned.counts.n_added, planned.counts.n_removed, planned.counts.n_members) == (1, 1, 2)
    assert planned.counts.n_required == 1
    (sent,) = activate(shop.ledger, everywhere)
    assert sent.is_well and crm.held["loyal"] == {CUSTOMERS[0], CUSTOMERS[3]}
    assert shop.standings().keys() == {CUSTOMERS[0], CUSTOMERS[3]}
    (again,) = activate(shop.ledger, everywhere)
    assert again.status == "nothing"
    assert user_ids(shop.ledger, "loyal", "a letter") == [100, 103]


def test_ids_that_are_texts_are_read_again_from_their_file():
    ids = ["a,b", 'the "one"', "é-1", "O'Brien", " x ", "7"]
    read = list(csv.reader(io.StringIO(as_csv(ids))))
    assert read == [["user_id"], *([one] for one in ids)]
    assert as_csv([7, 8]) == "user_id\n7\n8\n"


FORMULAS = ["=cmd|' /C calc'!A0", "+1+cmd|x", "-2+3", "@SUM(1+9)", "\t=1", "\r=1", "-", "＝1+1", " =1"]  # noqa: RUF001


@pytest.mark.parametrize("left", [["-5", "+7", "7", "a=b", "a;=cmd|x", "-1.5"], []])
def test_an_id_that_a_spreadsheet_would_run_is_not_given_out(left, capsys):
    """A quote in front would be another id, so it is left out, told and not in the books."""
    shop = Shop()
    shop.connection.execute("delete from vault.vault.user_keys")
    for table in ("user_keys", "objections", "restrictions"):
        shop.connection.execute(f"alter table vault.vault.{table} alter column user_id type varchar")
    for number, user_id in enumerate([*FORMULAS, *left], 1):
        shop.connection.execute("insert into marts.audience_members values ('loyal', ?)", [f"k{number}"])
        shop.connection.execute(
            "insert into vault.vault.user_keys values (?, ?, ?)", [number, f"k{number}", user_id]
        )
    if not left:
        with pytest.raises(LedgerError, match="9 ids are left out"):
            user_ids(shop.ledger, "loyal", "a letter")
        return
    given = user_ids(shop.ledger, "loyal", "a letter")
    assert sorted(given) == sorted(left)
    assert "9 ids are left out: a spreadsheet runs" in capsys.readouterr().err
    assert shop.connection.execute("select n_added, n_members from vault.vault.exports").fetchall() == [
        (6, 6)
    ]
    for delimiter in ",;|\t":
        read = csv.reader(io.StringIO(as_csv(given)), delimiter=delimiter)
        assert list(read) == [["user_id"], *([one] for one in given)]


def test_files_are_utf_8_whatever_the_machine_speaks(tmp_path):
    """A French label, and ids in any letters."""
    work = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]); from test_exports import *\n"
        "from clientele.activation.destinations import Folder\n"
        "from clientele.privacy.rights import write_privately\n"
        "folder = Path(sys.argv[1]); shop = Shop(places='folder'); shop.build(set(CUSTOMERS[:2]))\n"
        "shop.connection.execute(\"update marts.audiences set label = 'Fid\\u00e8les'\")\n"
        "print(*(one.reason for one in activate(shop.ledger, {'folder': Folder('folder', folder)})))\n"
        "write_privately(folder / 'ids.csv', as_csv(['\\u00e9-1']))\n"
    )
    spoken = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    subprocess.run(
        [sys.executable, "-c", work, str(tmp_path), str(Path(__file__).parent)],
        env=os.environ | spoken | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    assert (tmp_path / "ids.csv").read_text(encoding="utf-8") == "user_id\né-1\n"
    assert "Fidèles" in (tmp_path / "loyal" / "manifest.json").read_text(encoding="utf-8")


def test_an_unknown_name_is_refused():
    with pytest.raises(LedgerError, match=r"no audience 'loyl'\. Known: loyal"):
        run(Shop(), Crm(), audience="loyl")
    with pytest.raises(LedgerError, match=r"no destination 'mail'\. Known: crm"):
        run(Shop(), Crm(), destination="mail")
