"""A correction changes the lines that a customer disputes, and nothing of anybody else."""

from __future__ import annotations

import csv
import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from support import UP_TO_EVENTS, Event, House, csv_text

from clientele.intake import mending
from clientele.runtime import backups

PAPERS = False
MINE, OTHERS = "700000007", "700000043"
GOOD = Event(user_id=MINE, event_time="2019-10-01 12:00:01 UTC")
WRONG = Event(
    user_id=f"{MINE}.0", event_time="2019-10-01 12:00:02 UTC", event_type="purchase", price="999.00"
)
RIGHT = Event(user_id=MINE, event_time="2019-10-01 12:00:02 UTC", event_type="purchase", price="9.99")
NOT_MINE = Event(user_id=MINE, event_time="2019-10-01 12:00:03 UTC", event_type="view", brand="not, mine")
THEIRS = Event(user_id=OTHERS, event_time="2019-10-01 12:00:04 UTC")


def listed(path: Path, *rows: tuple[str, str, str]) -> str:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("file_name", "wrong_line", "right_line"), *rows])
    return str(path)


@pytest.fixture(scope="module")
def built(new_house) -> House:
    house = new_house()
    house.deliver("a.csv.gz", [GOOD, WRONG, NOT_MINE, THEIRS])
    house.deliver("b.csv", [THEIRS])
    house.build(*UP_TO_EVENTS)
    return house


def test_lines_are_put_right_by_the_next_build(built, tmp_path):
    house = built.copy(tmp_path / "copy")
    house.lake = house.folder / "lake"
    asked = listed(
        tmp_path / "asked.csv", ("a.csv.gz", WRONG.line(), RIGHT.line()), ("a.csv.gz", NOT_MINE.line(), "")
    )
    mended = tmp_path / "mended"
    named = {
        "CLIENTELE_SUBJECT": MINE,
        "CLIENTELE_CORRECTIONS": asked,
        "CLIENTELE_MENDED_FOLDER": str(mended),
    }
    done = house.operation("rectify_subject", **named)
    assert done.succeeded and "2 line(s) corrected" in done.said and MINE not in done.said, done.said[-2000:]
    assert gzip.decompress((mended / "a.csv.gz").read_bytes()) == csv_text([GOOD, RIGHT, THEIRS])
    assert [path.name for path in mended.iterdir()] == ["a.csv.gz"]
    kinds = house.rows("select kind, n_customers, n_rows, finished_at is not null from vault.vault.requests")
    assert kinds == [("rectify", 1, 2, True)]

    built.deliver("a.csv.gz", (mended / "a.csv.gz").read_bytes())
    built.build(*UP_TO_EVENTS)
    prices = built.rows("select price, count(*) from core.events where event_type = 'purchase' group by all")
    assert [(float(price), n) for price, n in prices] == [(9.99, 1)]
    assert built.value("select count(*) from core.events") == 3
    assert built.value("select count(*) from core.events where brand like 'not%'") == 0


FILE = {
    "file_name": "a.csv",
    "file_format": "csv",
    "file_compression": "none",
    "column_positions": "0,1,2,3,4,5,6,7,8,-1",
    "n_columns": 9,
}
# a comma that is in no quotes: the price stands where the user should, and the line is nobody's
SHIFTED = f"2019-10-01 12:00:05 UTC,view,1001,205,a.b,acme, inc,{MINE},{OTHERS},s"
QUOTED = GOOD.line().replace("acme", 'ac"me')
ELSES = replace(RIGHT, user_session="somebody else's").line()


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (("a.csv", THEIRS.line(), ""), "does not name the customer"),
        (("a.csv", GOOD.line(), THEIRS.line()), "does not name the customer"),
        (("a.csv", RIGHT.line(), GOOD.line()), "does not hold this line"),
        (("b.csv", GOOD.line(), ""), "no loaded file has this name"),
        (("a.csv", "", GOOD.line()), "wrong_line is empty"),
        (("a.csv", "a,b", ""), "has not the fields"),
        (("a.csv", SHIFTED, ""), "has not the fields"),
        (("a.csv", QUOTED, ""), "has not the fields"),
        (("a.csv", GOOD.line(), SHIFTED), "has not the fields"),
        (("a.csv", GOOD.line(), ELSES), "another session, which may be somebody else's"),
        (("a.csv", GOOD.line(), f"{GOOD.line()}\n{THEIRS.line()}"), "has not the fields"),
    ],
)
def test_nothing_about_anybody_else_can_change(tmp_path, row, sentence):
    path = tmp_path / "a.csv"
    path.write_bytes(csv_text([GOOD, WRONG, THEIRS]) + f"{SHIFTED}\n{QUOTED}\n".encode())
    good = ("a.csv", WRONG.line(), "")
    asked = mending.corrections(Path(listed(tmp_path / "asked.csv", good, row)))
    with pytest.raises(mending.MendingError, match=sentence) as refused:
        mending.mend(asked, [FILE | {"file_path": str(path)}], int(MINE), "integer", ",", tmp_path / "mended")
    assert not (tmp_path / "mended").exists() and MINE not in str(refused.value)


def test_a_file_that_has_gone_is_a_sentence(tmp_path):
    asked = mending.corrections(Path(listed(tmp_path / "asked.csv", ("a.csv", WRONG.line(), ""))))
    path = tmp_path / "gone.csv"
    with pytest.raises(mending.MendingError, match=f"{path} cannot be read .*Put the file back there"):
        mending.mend(asked, [FILE | {"file_path": str(path)}], int(MINE), "integer", ",", tmp_path / "mended")
    assert not (tmp_path / "mended").exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "first line"), (b"file_name,wrong_line,right_line\n", "no correction"), (b"\xff", "no CSV"),
     (b"file_name,wrong_line,right_line\na\n", "line 2: 3 fields")],
)  # fmt: skip
def test_a_list_that_is_none_is_a_sentence(tmp_path, content, sentence):
    (tmp_path / "asked.csv").write_bytes(content)
    with pytest.raises(mending.MendingError, match=sentence):
        mending.corrections(tmp_path / "asked.csv")
    with pytest.raises(mending.MendingError, match="cannot be read"):
        mending.corrections(tmp_path / "none.csv")


@pytest.mark.parametrize("spelled", ["7.00000007e8", "700_000_007", "0x29b92707"])
def test_a_line_in_a_spelling_that_a_copy_finds_is_put_right(tmp_path, spelled):
    wrong = Event(user_id=spelled)
    path = tmp_path / "a.csv"
    path.write_bytes(csv_text([wrong, THEIRS]))
    file = FILE | {"file_path": str(path)}
    asked = mending.corrections(Path(listed(tmp_path / "asked.csv", ("a.csv", wrong.line(), GOOD.line()))))
    assert mending.mend(asked, [file], int(MINE), "integer", ",", tmp_path / "mended") == 1
    assert (tmp_path / "mended/a.csv").read_bytes() == csv_text([GOOD, THEIRS])
    asked = mending.corrections(Path(listed(tmp_path / "asked.csv", ("a.csv", wrong.line(), wrong.line()))))
    with pytest.raises(mending.MendingError, match="does not name the customer"):
        mending.mend(asked, [file], int(MINE), "integer", ",", tmp_path / "other")


@pytest.mark.parametrize("right", ["", " ", f" {WRONG.user_session}\u200b"])
def test_a_session_may_be_taken_away_and_spelled_anew(tmp_path, right):
    path = tmp_path / "a.csv"
    path.write_bytes(csv_text([WRONG]))
    line = replace(RIGHT, user_session=right, brand='12" and, more').line()
    asked = mending.corrections(Path(listed(tmp_path / "asked.csv", ("a.csv", WRONG.line(), line))))
    file = FILE | {"file_path": str(path)}
    assert mending.mend(asked, [file], int(MINE), "integer", ",", tmp_path / "mended") == 1
    assert (tmp_path / "mended/a.csv").read_text().splitlines()[1:] == [line]


def test_copies_and_backups_that_hold_what_was_wrong_are_told(house, tmp_path):
    house.deliver("a.csv", [GOOD, WRONG])
    house.deliver("b.csv", [WRONG, replace(GOOD, product_id="7")])
    house.build(*UP_TO_EVENTS)
    saved = backups.take(house.home, tmp_path / "backups")
    asked = listed(tmp_path / "asked.csv", ("a.csv", WRONG.line(), RIGHT.line()))
    named = {"CLIENTELE_CORRECTIONS": asked, "CLIENTELE_MENDED_FOLDER": str(tmp_path / "mended")}
    done = house.operation("rectify_subject", CLIENTELE_SUBJECT=MINE, **named)
    assert done.succeeded and "1 event(s) of this customer came more than once" in done.said
    with house.surroundings():
        restored = backups.restore(saved, house.home, lambda *_: None)
    assert any("1 correction(s) are later than the backup" in sentence for sentence in restored.sentences)
