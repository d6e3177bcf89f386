"""What a file is: its content, then its path within what CLIENTELE_EVENTS names. When lines are judged."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from support import HEADER, UP_TO_EVENTS, Account, Event, House, csv_text

from clientele import check
from clientele.intake.lake import inventory

PAPERS = False
COUNTER = iter(range(10_000))


def fresh(**changed: str) -> Event:
    return Event(**{"product_id": str(5000 + next(COUNTER))} | changed)


def write(folder: Path, **files: list[Event]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, events in files.items():
        path = folder / name.replace("_in_", "/")
        path.parent.mkdir(exist_ok=True)
        path.with_suffix(".csv").write_bytes(csv_text(events))
    return folder


def test_a_glob_a_folder_and_a_list_give_the_same_identities(tmp_path, monkeypatch):
    folder = write(tmp_path / "shop", a=[fresh()], b=[fresh()])
    monkeypatch.chdir(tmp_path)
    for patterns in (
        str(folder),
        f"{folder}/",
        f"{folder}/*.csv",
        "shop",
        "shop/?.csv",
        f"{folder}/a.csv,{folder}/b.csv",
        "shop/a.csv\nshop/b.csv",
        f"{folder}/**",
    ):
        assert [facts.file_identity for facts in inventory(patterns)] == ["a.csv", "b.csv"], patterns
    # what a pattern leaves open, and folders of hive, tell files apart
    write(tmp_path / "all", de_in_a=[fresh()], fr_in_a=[fresh()])
    (tmp_path / "all" / "day=1").mkdir()
    (tmp_path / "all" / "day=1" / "a.csv").write_bytes(csv_text([fresh()]))
    for patterns, identities in (
        ("all/*/a.csv", ["day=1/a.csv", "de/a.csv", "fr/a.csv"]),
        ("*/*/a.csv", ["all/day=1/a.csv", "all/de/a.csv", "all/fr/a.csv"]),
        ("all", ["day=1/a.csv"]),
    ):
        assert [facts.file_identity for facts in inventory(patterns)] == identities, patterns


def test_one_identity_with_two_contents_is_refused_and_both_are_named(tmp_path, capsys):
    one, other = write(tmp_path / "de", a=[fresh()]), write(tmp_path / "fr", a=[fresh()])
    found = inventory(f"{one},{other}")
    assert [facts.status for facts in found] == ["refused", "refused"]
    for facts in found:
        assert f"{one}/a.csv" in facts.reason and f"{other}/a.csv" in facts.reason
        assert "are both a.csv" in facts.reason and "above/**/*.csv" in facts.reason
    assert [facts.status for facts in inventory(f"{tmp_path}/**/a.csv")] == ["readable", "readable"]
    # the same bytes under one identity are one file
    (other / "a.csv").write_bytes((one / "a.csv").read_bytes())
    assert [facts.file_path for facts in inventory(f"{one},{other}")] == [f"{one}/a.csv"]


def test_check_knows_files_of_one_name_apart(tmp_path, capsys):
    write(tmp_path, de_in_a=[fresh()], fr_in_a=[fresh(), fresh()])
    assert check.run(f"{tmp_path}/*/a.csv", "") == 0
    said = capsys.readouterr().out
    assert f"{tmp_path}/de/a.csv: 1 events" in said
    assert f"{tmp_path}/fr/a.csv: 2 events" in said
    assert check.run(f"{tmp_path}/de,{tmp_path}/fr", "") == 1
    said = capsys.readouterr().out
    assert f"{tmp_path}/de/a.csv: refused. It and {tmp_path}/fr/a.csv are both a.csv" in said
    # one in a folder that says what a column is, named beside another one above that folder
    (tmp_path / "de" / "brand=acme").mkdir()
    shutil.copyfile(tmp_path / "fr" / "a.csv", tmp_path / "de" / "brand=acme" / "a.csv")
    assert check.run(f"{tmp_path}/de/*.csv\n{tmp_path}/de/brand=acme/*.csv", "") == 1
    assert "/de/brand=acme/a.csv are both a.csv" in capsys.readouterr().out


@pytest.mark.parametrize("whole_bytes", [check._WHOLE_BYTES, 10])
@pytest.mark.parametrize(
    "named", ["{0}", "{0}/user_id=8", "{0}\n{0}/user_id=8/*.csv", "{0}/brand=a*/**/*\n{0}/odd.csv/*.csv"]
)
def test_check_tries_files_in_the_folders_that_say_what_a_column_is(
    tmp_path, monkeypatch, named, whole_bytes
):
    """Beside each other, above what is named, and of the first lines of a large file."""
    for folder in (
        "brand=acme/user_id=7",
        "user_id=500000375",
        "user_id=8",
        "brand=a,[b]/user_id=9",
        "odd.csv",
    ):
        place = tmp_path / folder
        place.mkdir(parents=True)
        (place / "p.csv").write_text(f"event_time,event_type,product_id,price\n{folder}\n")
    tried = []
    monkeypatch.setattr(check, "_WHOLE_BYTES", whole_bytes)
    monkeypatch.setattr(
        check, "_build", lambda folder, patterns, given: tried.extend(inventory("\n".join(patterns)))
    )
    monkeypatch.setattr(check, "_report", lambda *_: 0)
    check.run(named.format(tmp_path), "")
    facts = [(one.column_constants, one.status, one.file_bytes) for one in inventory(named.format(tmp_path))]
    assert sorted((one.column_constants, one.status, one.file_bytes) for one in tried) == sorted(facts)
    assert any("user_id=" in constants for constants, _, _ in facts)


def test_a_folder_that_moves_changes_nothing_and_a_corrected_month_replaces_its_predecessor(house: House):
    kept, wrong, right = fresh(), fresh(price="1.00"), fresh(price="2.00")
    house.deliver("a.csv", [kept])
    house.deliver("b.csv", [wrong, fresh(event_type="cart")])
    house.build(*UP_TO_EVENTS)
    ledger = "select file_id, load_id, sha256, status from vault.vault.event_files order by 1"
    before = house.rows(ledger)

    house.lake = house.lake.rename(house.folder / "elsewhere")
    house.build(*UP_TO_EVENTS)
    assert house.rows(ledger) == before
    assert house.value("select min(file_path) from vault.vault.event_files") == f"{house.lake}/a.csv"

    house.lake = house.lake.rename(house.folder / "again")
    house.deliver("b.csv", [right])
    said = house.build(*UP_TO_EVENTS, CLIENTELE_EVENTS=f"{house.lake}/*.csv").said
    assert "b.csv: replaced (delivered again as file 3)" in said
    assert house.events() == Counter([kept.row(), right.row()])
    # … and named one by one
    corrected = fresh(price="3.00")
    house.deliver("b.csv", [corrected])
    house.build(*UP_TO_EVENTS, CLIENTELE_EVENTS=f"{house.lake}/a.csv\n{house.lake}/b.csv")
    assert house.events() == Counter([kept.row(), corrected.row()])
    # through an entry further up the same paths are the same files
    house.deliver("b.csv", [right])
    house.build(*UP_TO_EVENTS, CLIENTELE_EVENTS=f"{house.folder}/*/*.csv")
    assert house.events() == Counter([kept.row(), right.row()])


def test_another_day_under_the_name_of_a_file_that_moved_is_no_correction(house: House):
    first = fresh()
    write(house.lake / "05", events=[first])
    house.build(*UP_TO_EVENTS, CLIENTELE_EVENTS=f"{house.lake}/05/events.csv")
    second = fresh(event_time="2019-10-02 12:00:00 UTC")
    write(house.lake / "06", events=[second])
    ran = house.run(*UP_TO_EVENTS, CLIENTELE_EVENTS=f"{house.lake}/06/events.csv")
    assert not ran.succeeded
    assert f"{house.lake}/06/events.csv has the name of {house.lake}/05/events.csv" in ran.said
    assert "with none of its days" in ran.said
    house.build(*UP_TO_EVENTS, CLIENTELE_EVENTS=f"{house.lake}/*/events.csv")
    assert house.events() == Counter([first.row(), second.row()])


@pytest.mark.parametrize(
    "content",
    [b"", csv_text([]), [fresh(event_time="2019-10-05 12:00:00 UTC")]],
    ids=["empty", "only a header", "the next day under its name"],
)
def test_a_file_that_has_lost_its_days_takes_no_event_away(house: House, content):
    first, second = fresh(), fresh(event_time="2019-10-02 12:00:00 UTC")
    house.deliver("a.csv", [first])
    house.deliver("b.csv", [second])
    house.build(*UP_TO_EVENTS)
    house.deliver("a.csv", content)
    for _ in range(2):
        ran = house.run(*UP_TO_EVENTS)
        assert not ran.succeeded
        assert f"{house.lake}/a.csv was read before and holds none of its days now" in ran.said
        assert house.events() == Counter([first.row(), second.row()])
    house.deliver("a.csv", [first])
    house.build(*UP_TO_EVENTS)
    assert house.events() == Counter([first.row(), second.row()])
    house.deliver("a.csv", content)
    ran = house.run(*UP_TO_EVENTS, variables={"on_refused_file": "skip"})
    assert (
        not ran.succeeded
        and "and let go what these files held before" in ran.said
        and "on_refused_file" not in ran.said
    )
    assert house.events() == Counter([first.row(), second.row()])
    house.build(*UP_TO_EVENTS, variables={"quarantine_refuse_share": 1})
    others = [event.row() for event in content if isinstance(content, list)]
    assert house.events() == Counter([second.row(), *others])


def test_files_that_overlap_much_are_told(house: House):
    events = [fresh() for _ in range(10)]
    house.deliver("a.csv", events)
    assert "are held already" not in house.build(*UP_TO_EVENTS).said
    house.deliver("a corrected.csv", [*events[:8], fresh()])
    said = house.build(*UP_TO_EVENTS).said
    assert "a corrected.csv: more than half of its 9 events are held already, 8 of them from a.csv" in said
    assert "are held already" not in house.build(*UP_TO_EVENTS).said


@pytest.mark.parametrize("change", ["a quantity", "a fraction of a second", "a price"])
def test_the_same_export_in_another_form_is_told(house: House, change):
    """Its events are others, so each counts; that nobody notices is what must not be."""
    events = [fresh() for _ in range(10)]
    house.deliver("a.csv", events)
    house.deliver("b.csv", [fresh() for _ in range(9)])
    said = house.build(*UP_TO_EVENTS).said
    if change == "a quantity":
        again = "".join(
            f"{line},{mark}\n"
            for line, mark in [(HEADER, "quantity"), *((event.line(), 1) for event in events)]
        ).encode()
    elif change == "a fraction of a second":
        again = [replace(event, event_time=event.event_time.replace(" UTC", ".250 UTC")) for event in events]
    else:
        again = [replace(event, price="77.00") for event in events]
    house.deliver("c.csv", again)
    told = "c.csv: more than half of its events have the customer, session, second, kind and product of"
    assert told not in said and told in house.build(*UP_TO_EVENTS).said
    assert len(house.events()) == 29
    assert told not in house.build(*UP_TO_EVENTS).said


def test_copies_and_a_few_corrected_events_are_not_told_as_another_form(house: House):
    events = [fresh() for _ in range(18)]
    house.deliver("a.csv", events)
    changed = [replace(event, price="77.00") for event in events[:6]]
    elses = [replace(event, user_session="elsewhere") for event in events]
    house.deliver("b.csv", [*events[6:], *changed, fresh(), fresh()])
    house.deliver("c.csv", elses)
    said = house.build(*UP_TO_EVENTS).said
    assert "b.csv: more than half of its 20 events are held already, 12 of them from a.csv" in said
    assert "differ in something else" not in said
    assert len(house.events()) == 44


def test_an_event_that_agrees_with_several_of_another_file_is_held_once(house: House):
    """They differ in what the sentence does not ask for, and one of them is the same."""
    moment = fresh()
    alike = [replace(moment, price=f"{number}.00") for number in range(1, 6)]
    house.deliver("b.csv", [*alike, *(fresh() for _ in range(6))])
    house.build(*UP_TO_EVENTS)
    house.deliver("c.csv", [*alike, fresh()])
    assert (
        "c.csv: more than half of its 6 events are held already, 5 of them from b.csv"
        in house.build(*UP_TO_EVENTS).said
    )


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_line_from_the_future_comes_in_when_it_is_due(house: House, name):
    past, future, later = (fresh(event_time=f"2020-01-{day:02} 12:00:00 UTC") for day in (1, 10, 20))
    events = [past, past, future, later]
    house.deliver(name, events)
    house.deliver("other.csv", [past, fresh(event_time="2020-01-01 13:00:00 UTC")])
    house.variables["clock"] = "2020-01-02 00:00:00"
    house.build(*UP_TO_EVENTS)
    assert house.accounts()[name] == Account(5, loaded=1, duplicates=1, quarantined=2)
    assert {reason for *_, reason in house.quarantine()} == {"event_time_in_future"}
    loads = house.rows("select file_name, load_id from vault.vault.event_files order by all")

    house.build(*UP_TO_EVENTS, variables={"clock": "2020-01-08 00:00:00"})  # nothing is due
    assert house.rows("select file_name, load_id from vault.vault.event_files order by all") == loads

    house.build(*UP_TO_EVENTS, variables={"clock": "2020-01-09 12:00:00"})
    assert house.accounts()[name] == Account(5, loaded=2, duplicates=1, quarantined=1)
    assert house.accounts()["other.csv"] == Account(3, loaded=1, duplicates=1)
    assert house.value("select count(*) from core.events") == 3

    house.variables["clock"] = "2020-02-01 00:00:00"
    house.build(*UP_TO_EVENTS)
    assert house.accounts()[name] == Account(5, loaded=3, duplicates=1)
    assert house.quarantine() == []
    incremental = house.events()
    house.build(*UP_TO_EVENTS, "--full-refresh")
    assert house.events() == incremental


def test_a_copy_that_came_back_stays_when_its_file_is_read_again(house: House):
    """The first copy's file goes in one build; the file that answers for it is judged again in the next."""
    shared = fresh(event_time="2020-01-01 12:00:00 UTC")
    future = fresh(event_time="2020-01-10 12:00:00 UTC")
    house.deliver("a.csv", [shared])
    house.deliver("b.csv", [shared, future])
    house.build(*UP_TO_EVENTS, variables={"clock": "2020-01-02 00:00:00"})
    house.deliver("a.csv", [fresh(event_time="2020-01-01 12:00:00 UTC")])
    house.build(*UP_TO_EVENTS, variables={"clock": "2020-01-03 00:00:00"})
    assert house.accounts()["b.csv"] == Account(3, loaded=1, quarantined=1)
    house.build(*UP_TO_EVENTS, variables={"clock": "2020-01-12 00:00:00"})
    assert house.accounts()["b.csv"] == Account(3, loaded=2)
    assert house.value("select count(*) from core.events") == 3
