"""Promise 1, end to end: every line of every file is loaded, a duplicate, quarantined, blank or a header."""

from __future__ import annotations

import csv
import gzip
import os
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shop_simulator import generate
from support import (
    TESTED_UP_TO_EVENTS,
    UP_TO_EVENTS,
    WITHOUT_TESTS,
    Account,
    Event,
    House,
    assert_same,
    csv_text,
    debug_too,
    packed,
)

from clientele.intake.lake import COLUMNS

NEXT = iter(range(100_000, 200_000))
PAPERS = False  # no test here reads what dbt writes about its runs


def fresh(**changed: str) -> Event:
    """Return an event that no other test file holds."""
    return replace(Event(product_id=str(next(NEXT))), **changed)


@dataclass
class Draft:
    """A file written line by line, with what must become of each line."""

    end: bytes = b"\n"
    columns: tuple[str, ...] = COLUMNS
    content: bytes = b""
    n_lines: int = 0
    n_blank: int = 0
    n_headers: int = 0
    loaded: list[Event] = field(default_factory=list)
    duplicates: list[Event] = field(default_factory=list)
    quarantined: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.header()

    def add(self, line: str | bytes, end: bytes | None = None) -> Draft:
        self.content += (line if isinstance(line, bytes) else line.encode()) + (
            self.end if end is None else end
        )
        self.n_lines += 1
        return self

    def header(self) -> Draft:
        self.n_headers += 1
        return self.add(",".join(self.columns))

    def good(self, event: Event | None = None, line: str | None = None, end: bytes | None = None) -> Draft:
        event = event or fresh()
        self.loaded.append(event)
        return self.add(event.line(self.columns) if line is None else line, end)

    def again(self, event: Event, line: str | None = None) -> Draft:
        self.duplicates.append(event)
        return self.add(event.line(self.columns) if line is None else line)

    def blank(self, line: str = "") -> Draft:
        self.n_blank += 1
        return self.add(line)

    def bad(self, reason: str, line: str | bytes | Event, end: bytes | None = None) -> Draft:
        self.quarantined.append((self.n_lines + 1, reason))
        return self.add(line.line(self.columns) if isinstance(line, Event) else line, end)


def every_reason() -> Draft:
    draft = Draft().good().header().blank()
    for reason, changed in [
        ("missing_event_time", {"event_time": " "}),
        ("bad_event_time", {"event_time": "2019-13-01 00:00:00 UTC"}),
        ("bad_event_time", {"event_time": "2019-10-01 00:00:00 CET"}),
        ("bad_event_time", {"event_time": "2019-10-01"}),
        ("bad_event_time", {"event_time": "10/11/2019 00:00:00"}),
        ("bad_event_time", {"event_time": "2019-1-1 0:0:0 UTC"}),
        ("event_time_too_early", {"event_time": "1999-12-31 23:59:59 UTC"}),
        ("event_time_in_future", {"event_time": "2999-01-01 00:00:00 UTC"}),
        ("unknown_event_type", {"event_type": "hover"}),
        ("unknown_event_type", {"event_type": ""}),
        ("refund", {"event_type": "Refund"}),
        ("missing_user_id", {"user_id": ""}),
        ("bad_user_id", {"user_id": "guest"}),
        ("bad_user_id", {"user_id": "1.5"}),
        ("bad_user_id", {"user_id": "5e8"}),
        ("bad_user_id", {"user_id": "5E8"}),
        ("bad_user_id", {"user_id": "0x1F"}),
        ("bad_user_id", {"user_id": "500_000"}),
        ("sentinel_user_id", {"user_id": "0"}),
        ("sentinel_user_id", {"user_id": "-1.0"}),
        ("sentinel_user_id", {"user_id": "NULL"}),
        ("bad_user_id", {"user_id": "99999999999999999999"}),
        ("missing_product_id", {"product_id": ""}),
        ("bad_product_id", {"product_id": "sku-12"}),
        ("bad_product_id", {"product_id": "0b11"}),
        ("missing_price", {"price": ""}),
        ("bad_price", {"price": "n/a"}),
        ("bad_price", {"price": "1,5"}),
        ("bad_price", {"price": "1_000.50"}),
        ("bad_price", {"price": "NaN"}),
        ("bad_price", {"price": "inf"}),
        ("bad_price", {"price": "999999999999999"}),
        ("bad_price", {"price": "1e15"}),
        ("bad_price", {"price": "0.00001"}),
        ("bad_price", {"price": "-4e-6"}),
        ("negative_price", {"price": "-0.01"}),
        ("field_too_long", {"category_id": "9" * 33}),
        ("field_too_long", {"category_code": "c" * 257}),
        ("field_too_long", {"brand": "b" * 257}),
        ("field_too_long", {"user_session": "s" * 257}),
        ("control_character", {"brand": "nul\0nul"}),
        # The first reason in the documented order is the one that counts.
        ("bad_event_time", {"event_time": "yesterday", "user_id": "", "price": "-1"}),
    ]:
        draft.bad(reason, fresh(**changed)).good()
    line = fresh().line()
    return (
        draft.bad("wrong_number_of_fields", line.rsplit(",", 2)[0])
        .bad("wrong_number_of_fields", line + ",more")
        .bad("wrong_number_of_fields", line.replace(",", ";"))
        .blank(" ")
        .bad("bad_quoting", line.replace("acme", '"acme'))
        .bad("bad_quoting", line.replace("acme", 'ac"me'))
        .good()
        .bad("bad_quoting", line.replace("acme", '"ac"me'))
        .bad("invalid_encoding", line.encode().replace(b"acme", b"\xff\xfe"))
        .bad("invalid_encoding", line.encode().replace(b"acme", b"caf\xc3"))
        .good()
        .bad("unknown_event_type", fresh(event_type="gift"))
        .good()
    )


def quotes_and_order() -> Draft:
    draft = Draft(columns=tuple(reversed(COLUMNS)), end=b"\r\n")
    draft.content = b"\xef\xbb\xbf" + draft.content
    for brand in [
        'Black, "Deck" & Co',
        '"',
        ",",
        'a""b',
        "l'eau",
        "日本",
        "it's; drop table core.events; --",
    ]:
        draft.good(fresh(brand=brand))
    every = fresh(brand="all quoted")
    draft.good(every, ",".join(f'"{getattr(every, name)}"' for name in draft.columns))
    draft.blank().blank(" \t  ").bad("missing_price", fresh(price="", brand="a, b"))
    return draft.good()


def mixed_ends() -> Draft:
    draft = Draft()
    for number in range(40):
        draft.end = b"\r\n" if number % 3 else b"\n"
        if number % 7 == 3:
            draft.bad("negative_price", fresh(price="-5"))
        elif number % 7 == 5:
            draft.blank()
        else:
            draft.good()
    return draft


def carriage_returns() -> Draft:
    return Draft(end=b"\r").good().good().bad("bad_price", fresh(price="x")).good(end=b"")


def cut_in_half() -> Draft:
    return Draft().good().good().bad("wrong_number_of_fields", fresh().line()[:50], end=b"")


def too_long() -> Draft:
    draft = Draft().good().bad("line_too_long", fresh().line().replace("acme", "a" * (16 * 2**20 + 1)))
    return draft.good().bad("missing_user_id", fresh(user_id=""))


SHARED = Event(product_id="77", price="19.90")


def repeated() -> Draft:
    twice, bare = fresh(), fresh(user_session="", category_code="", brand="")
    draft = Draft().good(twice).again(twice).good(bare).good(SHARED)
    # Written differently, said the same: price, blanks and quotes are no part of an event.
    draft.again(twice, twice.line().replace("10.00", "10.0")).again(bare)
    draft.again(twice, twice.line().replace("acme", '"acme"'))
    # One field apart is another event.
    return draft.good(replace(twice, user_session="other")).good(replace(twice, price="10.0001"))


def kept_by_rule() -> Draft:
    draft = Draft()
    for changed in [
        {"price": "0"},
        {"price": "0.00", "event_type": "purchase"},
        {"user_session": ""},
        {"category_code": "", "brand": "", "category_id": ""},
        {"event_time": "2019-10-01T23:59:59Z"},
        {"event_time": "2019-10-01 23:59:59"},
        {"event_time": "2000-01-01 00:00:00 UTC"},
        {"brand": "b" * 256, "category_code": "c" * 256, "user_session": "s" * 256, "category_id": "9" * 32},
        {"user_id": str(2**63 - 1)},
        {"price": "2574.07"},
        {"brand": " padded ", "user_session": " "},
        {"user_id": "007"},
        {"user_id": " 7.0"},
        {"event_time": " 2019-10-01 00:00:00 UTC"},
    ]:
        draft.good(fresh(**changed))
    return draft


ODD_NAMES = [
    "it's; drop table core.events; --.csv",
    'a "quoted" name.csv',
    "every[1]*?.csv",
    "blanks, and commas.csv.gz",
    "é 日本.csv",
    "{{ var('as_of') }}.csv",
]


@pytest.fixture(scope="module")
def delivery(new_house) -> tuple[House, dict[str, Draft]]:
    """Build once from a delivery with every fault that does not make a file unreadable."""
    house = new_house(variables={"events_retention_months": 600})  # one of the events is of the year 2000
    drafts = {
        "a_every_reason.csv": every_reason(),
        "b_quotes_and_order.csv": quotes_and_order(),
        "c_mixed_ends.csv": mixed_ends(),
        "d_carriage_returns.csv": carriage_returns(),
        "e_cut_in_half.csv.gz": cut_in_half(),
        "f_too_long.csv.gz": too_long(),
        "g_repeated.csv": repeated(),
        "h_repeated_elsewhere.csv.gz": Draft().good().again(SHARED).blank().again(SHARED),
        "i_kept_by_rule.csv": kept_by_rule(),
        "j_several_members.csv.gz": Draft().good().good().bad("missing_price", fresh(price="")).good(),
        "k_plain_in_spite_of_its_name.csv.gz": Draft().good(),
        "l_packed_in_spite_of_its_name.csv": Draft().good(),
        "m_header_only.csv": Draft(),
        "n_header_and_blank.csv": Draft().blank().blank(),
        **{name: Draft().good().bad("negative_price", fresh(price="-1")) for name in ODD_NAMES},
    }
    for name, draft in drafts.items():
        content = draft.content
        if name.startswith("j_"):
            content = b"".join(packed(content[at : at + 97]) for at in range(0, len(content), 97))
        elif name.startswith("l_") or (name.endswith(".gz") and not name.startswith("k_")):
            content = packed(content)
        house.deliver(name, content)
    for name, content, n_blank in [("o_nothing.csv", b"", 0), ("p_blank_lines.csv", b"\n\r\n\n", 3)]:
        house.deliver(name, content)
        drafts[name] = nothing = Draft()
        nothing.n_headers, nothing.n_lines, nothing.n_blank = 0, n_blank, n_blank
    house.build(*TESTED_UP_TO_EVENTS)
    return house, drafts


def test_every_line_is_accounted_for(delivery):
    house, drafts = delivery
    assert house.accounts() == {
        name: Account(
            draft.n_lines,
            headers=draft.n_headers,
            blank=draft.n_blank,
            loaded=len(draft.loaded),
            duplicates=len(draft.duplicates),
            quarantined=len(draft.quarantined),
        )
        for name, draft in drafts.items()
    }


def test_quarantine_names_file_line_and_reason(delivery):
    house, drafts = delivery
    assert house.quarantine() == sorted(
        (name, line, reason) for name, draft in drafts.items() for line, reason in draft.quarantined
    )


def test_quarantine_holds_the_line_as_it_was(delivery):
    house, drafts = delivery
    held = dict(
        house.rows(
            "select line_number, line_text from vault.vault.quarantined_lines "
            "where file_name like 'a_every%' and reason not in ('invalid_encoding', 'control_character')"
        )
    )
    lines = drafts["a_every_reason.csv"].content.split(b"\n")
    assert held == {number: lines[number - 1].decode() for number in held} and len(held) > 30


def test_every_documented_reason_occurs(delivery):
    house, _ = delivery
    documented = re.search(
        r"quarantine_reasons\(\) %}(.*?)endmacro",
        (Path(__file__).parents[2] / "macros/intake/quarantine.sql").read_text(),
        re.DOTALL,
    )[1]
    reasons = set(re.findall(r"^\s+'(\w+)':", documented, re.MULTILINE))
    # columns and settings that these files do not have: test_kinds.py
    reasons -= {"bad_quantity", "bad_category_id"}
    assert reasons == {reason for _, _, reason in house.quarantine()}


def test_events_are_what_the_lines_say(delivery):
    house, drafts = delivery
    assert house.events() == Counter(event.row() for draft in drafts.values() for event in draft.loaded)


def test_a_duplicate_belongs_to_the_file_that_repeats_it(delivery):
    house, drafts = delivery
    rows = house.rows(
        "select files.file_name, duplicates.* exclude (file_id, load_id, line_number) "
        "from core.duplicate_events as duplicates inner join vault.vault.event_files as files using (file_id)"
    )
    assert Counter(rows) == Counter(
        (name, *event.row()) for name, draft in drafts.items() for event in draft.duplicates
    )


def test_latest_and_earliest_event_date_are_settings(house):
    early, late = fresh(event_time="2019-09-30 23:59:59 UTC"), fresh(event_time="2019-10-03 00:00:00 UTC")
    kept = [fresh(event_time="2019-10-01 00:00:00 UTC"), fresh(event_time="2019-10-02 23:59:59 UTC")]
    house.deliver("x.csv", [early, *kept, late])
    house.build(
        *TESTED_UP_TO_EVENTS,
        variables={"earliest_event_date": "2019-10-01", "latest_event_date": "2019-10-02"},
    )
    assert house.quarantine() == [("x.csv", 2, "event_time_too_early"), ("x.csv", 5, "event_time_in_future")]


def test_header_in_any_dress(house):
    dressed = ", ".join(f'" {name.upper()} "' for name in COLUMNS) + " "
    event = fresh()
    house.deliver("x.csv", f"{dressed}\n{event.line()}\n{dressed}\n".encode())
    house.build(*TESTED_UP_TO_EVENTS)
    assert house.events() == Counter([event.row()])
    assert house.accounts()["x.csv"] == Account(3, headers=2, loaded=1)


def test_parquet_with_types_or_text(house):
    events = [fresh(), fresh(price="0"), fresh(user_session="", brand="", category_code="")]
    texts = {name: [getattr(event, name) or None for event in events] for name in reversed(COLUMNS)}
    typed = {name: pa.array(values) for name, values in texts.items()}
    times = [datetime.fromisoformat(event.event_time[:19]) for event in events]
    others = [replace(event, event_type="cart") for event in events]
    typed |= {
        "event_type": pa.array(["cart"] * 3),
        "event_time": pa.array(times, pa.timestamp("us", "UTC")),
        "product_id": pa.array(list(map(int, texts["product_id"]))),
        "user_id": pa.array(list(map(int, texts["user_id"]))),
        "category_id": pa.array(list(map(int, texts["category_id"]))),
        "price": pa.array(list(map(float, texts["price"]))),
    }
    pq.write_table(pa.table(typed), house.lake / "typed.parquet")
    texts = {name: [*values, values[0]] for name, values in texts.items()}
    texts["user_id"][3], texts["brand"][1] = None, 'Black, "Deck"'
    pq.write_table(pa.table(texts), house.lake / "text.parquet")
    house.build(*TESTED_UP_TO_EVENTS)
    assert house.quarantine() == [("text.parquet", 4, "missing_user_id")]
    events[1] = replace(events[1], brand='Black, "Deck"')
    assert house.events() == Counter(event.row() for event in [*events, *others])
    assert house.accounts()["text.parquet"] == Account(4, headers=0, loaded=3, quarantined=1)


@pytest.mark.parametrize(("session", "is_shown"), [("own-{}", True), ("view", False)])
def test_an_unknown_word_is_told_where_it_is_a_word_of_many(house, session, is_shown):
    """Else it may be a session, or a person: where columns have changed places, they stand there."""
    house.variables["quarantine_refuse_share"] = 1
    words = [
        Event(event_type="besteld", user_id=str(user), user_session=session.format(user))
        for user in range(1, 13)
    ]
    house.deliver("a.csv", csv_text([Event(user_id="1"), *words]))
    said = house.build(*UP_TO_EVENTS).said
    assert "seeds/event_type_map.csv" in said
    assert ("such as besteld." in said) == is_shown and ("besteld" in said) == is_shown


def test_dirt_of_the_synthetic_shop_reconciles(house):
    reasons = {
        "too_few_fields": "wrong_number_of_fields",
        "too_many_fields": "wrong_number_of_fields",
        "wrong_delimiter": "wrong_number_of_fields",
        "cut_last_line": "wrong_number_of_fields",
        "unterminated_quote": "bad_quoting",
        "bad_timestamp": "bad_event_time",
        "future_timestamp": "event_time_in_future",
        "absurd_timestamp": "event_time_too_early",
        "negative_price": "negative_price",
        "non_numeric_price": "bad_price",
        "unknown_event_type": "unknown_event_type",
        "missing_user": "missing_user_id",
        "non_numeric_user": "bad_user_id",
        "non_numeric_product": "bad_product_id",
        "nul_byte": "control_character",
        "invalid_utf8": "invalid_encoding",
    }
    # Files are read in the order of their names, so the months must be too: the first copy is the event.
    shop = {"users": 250, "months": 2, "start": "2019-04", "seed": 4, "dirt": 0.04, "file_format": "csv.gz"}
    summary = generate(house.folder / "shop", **shop)
    house.lake = summary.files[0].parent
    house.build(*TESTED_UP_TO_EVENTS)
    assert set(house.quarantine()) == {
        (fault.file, fault.line, reasons[fault.kind])
        for fault in summary.faults
        if fault.fate == "quarantined"
    }
    fates = Counter((fault.file, fault.fate) for fault in summary.faults)
    expected = {}
    for name, lines in summary.lines.items():
        duplicates, quarantined = fates[name, "duplicate"], fates[name, "quarantined"]
        loaded = lines - 1 - fates[name, "blank"] - duplicates - quarantined
        expected[name] = Account(
            lines, blank=fates[name, "blank"], loaded=loaded, duplicates=duplicates, quarantined=quarantined
        )
        with gzip.open(house.lake / name) as file:
            assert lines == len(file.read().splitlines())
    assert house.accounts() == expected
    assert sum(account.loaded for account in expected.values()) == summary.events
    with open(house.folder / "shop" / "dirt.csv", newline="") as file:
        assert len(list(csv.reader(file))) == len(summary.faults) + 1


# --- files that are refused


REFUSED = {
    "bad_checksum.csv.gz": (
        lambda content: packed(content)[:-8] + b"\0\0\0\0" + packed(content)[-4:],
        "damaged gzip",
    ),
    "cut.csv.gz": (lambda content: packed(content)[:-20], "is a gzip file cut short"),
    "lacks.csv": (lambda content: content.replace(b",user_id,", b","), "lacks column user_id"),
    "misspelt.csv": (
        lambda content: content.replace(b"price", b"prize"),
        "lacks column price; has unknown column prize",
    ),
    "twice.csv": (lambda content: content.replace(b"\n", b",price\n", 1), "has more than one column price"),
    "headless.csv": (lambda content: content.split(b"\n", 1)[1], "has no header"),
    "semicolons.csv": (lambda content: content.replace(b",", b";"), "has ';' between its columns"),
    "archive.csv": (lambda content: b"PK\x03\x04" + content, "is a zip file that is damaged"),
    "cut.parquet": (lambda content: b"PAR1" + content, "is a damaged or incomplete Parquet file"),
}


def test_refused_files_stop_the_build_and_change_nothing(house):
    good = [fresh() for _ in range(3)]
    house.deliver("good.csv", good)
    house.build(*TESTED_UP_TO_EVENTS)
    before = house.contents("core", "vault", provenance=True)
    canary = fresh(user_id="587654321", user_session="cafecafe-0000-4000-8000-00000000beef")
    house.deliver("more.csv", [fresh()])
    for name, (spoil, _) in REFUSED.items():
        house.deliver(name, spoil(csv_text([canary])))

    stopped = house.run(*TESTED_UP_TO_EVENTS, watch=debug_too)
    assert not stopped.succeeded
    assert "Nothing was loaded." in stopped.said
    for name, (_, sentence) in REFUSED.items():
        assert re.search(rf"- {re.escape(str(house.lake / name))} .*{re.escape(sentence)}", stopped.said), (
            name
        )
    assert "good.csv" not in stopped.said and "more.csv" not in stopped.said
    assert canary.user_id not in stopped.said and canary.user_session not in stopped.said
    assert_same(house.contents("core", "vault", provenance=True), before)

    # Told to go on without them: the rest is loaded, and the ledger says why they were not.
    house.build(*TESTED_UP_TO_EVENTS, variables={"on_refused_file": "skip"})
    assert house.accounts().keys() == {"good.csv", "more.csv"}
    refused = dict(
        house.rows("select file_name, reason from vault.vault.event_files where status = 'refused'")
    )
    assert refused.keys() == REFUSED.keys()
    assert all(sentence in refused[name] for name, (_, sentence) in REFUSED.items())

    # Mended: taken in like any new file.
    for name in REFUSED:
        (house.lake / name).unlink()
    house.deliver("lacks.csv", [canary])
    house.build(*TESTED_UP_TO_EVENTS)
    assert house.accounts().keys() == {"good.csv", "more.csv", "lacks.csv"}
    assert house.events()[canary.row()] == 1


def test_a_first_delivery_that_is_refused_ends_with_its_sentence(house):
    """The end of the run looks for a ledger that the failed model has taken back."""
    house.deliver("wrong.csv", b"no header\n")
    stopped = house.run(*TESTED_UP_TO_EVENTS)
    assert not stopped.succeeded
    assert "Nothing was loaded." in stopped.said and "does not exist" not in stopped.said
    ended = house.rows("select status, n_rows_in from monitor.run_log where entry = 'ended'")
    assert ended == [("failed", 0)]


def test_a_broken_redelivery_keeps_what_the_path_held(house):
    house.deliver("x.csv", [fresh(), fresh()])
    house.build(*TESTED_UP_TO_EVENTS)
    before = house.events()
    house.deliver("x.csv", packed(csv_text([fresh()]))[:-5])
    house.build(*TESTED_UP_TO_EVENTS, variables={"on_refused_file": "skip"})
    assert house.events() == before
    assert house.rows("select status from vault.vault.event_files order by all") == [
        ("accepted",),
        ("refused",),
    ]


def test_a_refused_file_that_went_away_hides_no_later_file(house):
    house.deliver("a.csv", [fresh()])
    house.build(*TESTED_UP_TO_EVENTS)
    house.deliver("broken.csv", b"no header\n")
    house.build(*TESTED_UP_TO_EVENTS, variables={"on_refused_file": "skip"})
    (house.lake / "broken.csv").unlink()
    house.build("--select", "event_files", *WITHOUT_TESTS)  # as if killed before the events
    late = fresh()
    house.deliver("b.csv", [late])
    house.build(*TESTED_UP_TO_EVENTS)
    assert house.events()[late.row()] == 1


def test_a_pattern_without_a_file_stops_the_build(house):
    house.deliver("a.csv", [fresh()])
    stopped = house.run(*TESTED_UP_TO_EVENTS, CLIENTELE_EVENTS=f"{house.lake}/*.parquet")
    assert not stopped.succeeded
    assert "No event file matches" in stopped.said and "Correct CLIENTELE_EVENTS" in stopped.said
    assert "vault.vault.event_files" not in house.table_names("vault")


@pytest.mark.parametrize("price", ["1e30", "999999999999999999999", "92233720368547758.07"])
def test_a_price_that_is_too_large_is_told_as_such(house, price):
    house.deliver("a.csv", [fresh(price=price), fresh(price=price), fresh()])
    stopped = house.run(*TESTED_UP_TO_EVENTS)
    assert not stopped.succeeded and "or too large or too small for a column of four decimals" in stopped.said
    assert "a number that is too large" in stopped.said


@pytest.mark.parametrize("what", ["", ".gitkeep", "lost+found", "nowhere"])
def test_a_lake_without_an_event_file_stops_the_build_before_its_first_change(house, what):
    """A volume that failed to mount leaves such a folder."""
    (house.lake / "lost+found").mkdir() if what == "lost+found" else (house.lake / what).touch()
    lake = house.lake / what if what == "nowhere" else house.lake
    (house.lake / "nowhere").unlink(missing_ok=True)
    stopped = house.run(*TESTED_UP_TO_EVENTS, CLIENTELE_EVENTS=str(lake))
    assert not stopped.succeeded and "Nothing was changed. " in stopped.said
    assert f"No event file matches '{lake}'" in stopped.said
    assert not any("success" in status for name, status in stopped.status.items() if "clientele" not in name)


def test_what_reads_no_file_needs_none(house):
    house.deliver("a.csv", [fresh()])
    house.build(*TESTED_UP_TO_EVENTS)
    assert house.run("--select", "users", *WITHOUT_TESTS, CLIENTELE_EVENTS="/nowhere").succeeded


def test_a_first_delivery_without_an_event_ends_in_one_sentence(house):
    house.deliver("a.csv", [])
    house.deliver("b.csv", b"")
    part = ("--select", "+as_of", "+shop_priors", *WITHOUT_TESTS)
    stopped = house.run(*part)
    assert not stopped.succeeded and "last good publication" not in stopped.said
    assert "No event is held yet, and 2 file(s) were looked at: there is nothing to build" in stopped.said
    assert stopped.status["daily_events"] == "error" and stopped.status["as_of"] == "skipped"
    house.deliver("b.csv", [fresh()])
    house.build(*part)


# --- deliveries over time


def test_known_content_is_skipped_and_new_content_replaces(house):
    one, two, three, four, five, six = (fresh() for _ in range(6))
    house.deliver("a.csv", [one, two, three])
    house.deliver("b.csv", [three, four])
    house.build(*TESTED_UP_TO_EVENTS)
    assert house.accounts()["b.csv"] == Account(3, loaded=1, duplicates=1)

    house.deliver("c.csv", [one, five])
    house.deliver("d.csv", csv_text([three, four]))
    said = house.build(*TESTED_UP_TO_EVENTS).said
    assert "d.csv: same content (same content as" in said
    assert "reading 1 of 1: c.csv (3 lines)" in said
    assert house.accounts()["c.csv"] == Account(3, loaded=1, duplicates=1)
    assert "d.csv" not in house.accounts()
    assert house.events() == Counter(event.row() for event in (one, two, three, four, five))

    # a.csv held the first copies of one and three: they stay, because b.csv and c.csv hold them too.
    house.deliver("a.csv", [two, six])
    said = house.build(*TESTED_UP_TO_EVENTS).said
    assert "a.csv: replaced (delivered again as file" in said
    assert house.events() == Counter(event.row() for event in (one, two, three, four, five, six))
    assert house.accounts() == {
        "a.csv": Account(3, loaded=2),
        "b.csv": Account(3, loaded=2),
        "c.csv": Account(3, loaded=2),
    }

    # b.csv goes as well: three and four come back from d.csv, which was skipped until now.
    house.deliver("b.csv", [six])
    house.build(*TESTED_UP_TO_EVENTS)
    assert house.events() == Counter(event.row() for event in (one, two, three, four, five, six))
    assert house.accounts()["d.csv"] == Account(3, loaded=2)
    assert house.accounts()["b.csv"] == Account(2, duplicates=1)

    # And the last copies go.
    house.deliver("c.csv", [five])
    house.deliver("d.csv", [four])
    house.build(*TESTED_UP_TO_EVENTS)
    assert house.events() == Counter(event.row() for event in (two, four, five, six))
    assert house.rows("select status, count(*) from vault.vault.event_files group by all order by all") == [
        ("accepted", 4),
        ("replaced", 4),
    ]


def test_a_correction_with_the_same_lines_keeps_one_copy_of_each(house):
    kept, wrong, right = fresh(), fresh(price="1.00"), fresh(price="2.00")
    bad = fresh(price="-3")
    house.deliver("a.csv", [kept, kept, wrong, bad])
    house.build(*TESTED_UP_TO_EVENTS)
    house.deliver("a.csv", [right, bad, kept])
    house.build(*TESTED_UP_TO_EVENTS)
    assert house.events() == Counter([kept.row(), right.row()])
    assert house.quarantine() == [("a.csv", 3, "negative_price")]
    assert house.accounts() == {"a.csv": Account(4, loaded=2, quarantined=1)}


def test_swapped_and_renamed_files_change_no_event(house):
    first, second = [fresh(), fresh()], [fresh()]
    house.deliver("a.csv", first)
    house.deliver("b.csv", second)
    house.build(*TESTED_UP_TO_EVENTS)
    before = house.events()
    house.deliver("a.csv", second)
    house.deliver("b.csv", first)
    house.build(*TESTED_UP_TO_EVENTS)
    assert house.events() == before
    (house.lake / "a.csv").rename(house.lake / "c.csv")
    house.build(*TESTED_UP_TO_EVENTS)
    assert house.events() == before


def test_content_changed_behind_an_unchanged_size_and_time_needs_rehash(house):
    old, new = fresh(price="1.00"), fresh(price="2.00")
    path = house.deliver("a.csv", [old])
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    house.build(*TESTED_UP_TO_EVENTS)
    house.deliver("a.csv", [new])
    os.utime(path, ns=times)
    house.build(*TESTED_UP_TO_EVENTS)
    assert house.events() == Counter([old.row()])
    house.build(*TESTED_UP_TO_EVENTS, variables={"rehash": True})
    assert house.events() == Counter([new.row()])


def test_a_file_grown_by_lines_adds_only_those(house):
    events = [fresh() for _ in range(5)]
    house.deliver("a.csv", events[:3])
    house.build(*TESTED_UP_TO_EVENTS)
    house.deliver("a.csv", events)
    house.build(*TESTED_UP_TO_EVENTS)
    assert house.events() == Counter(event.row() for event in events)
    assert house.accounts() == {"a.csv": Account(6, loaded=5)}
