"""What people type into the fields of products: addresses and numbers of persons are masked."""

from __future__ import annotations

import duckdb
import pytest
from looks import LOOKS, NAMES
from support import UP_TO_EVENTS, Event

from clientele.ids import normal_text
from clientele.intake import side
from clientele.intake.persons import without_person

PAPERS = False


@pytest.fixture(scope="module")
def expression(new_house) -> str:
    ran = new_house().run("--inline", "{{ clientele.without_person('text') }}", command=("compile",))
    assert ran.succeeded, ran.said[-2000:]
    return ran.compiled["inline_query"]


@pytest.mark.parametrize("text", LOOKS)
def test_what_looks_like_a_person_is_masked_by_what_it_looks_like(expression, text):
    (masked,) = duckdb.execute(
        f"select {expression} from (select cast($1 as varchar) as text)", [text]
    ).fetchone()
    assert masked == (LOOKS[text] or text)


def test_nothing_stays_nothing(expression):
    assert duckdb.execute(f"select {expression} from (select cast(null as varchar) as text)").fetchone() == (
        None,
    )


def test_marks_of_direction_do_not_turn_a_text():
    assert normal_text("\u202eemca\u2066\u200f") == "emca"


def test_what_has_no_width_is_in_no_text():
    assert normal_text("a\u200bc\u2063m\u180ee\u00ad") == "acme"


def test_no_text_of_a_product_carries_a_person_out_of_the_vault(house):
    """One of each kind: the event is kept, its text is not, and no byte of it is in the warehouse."""
    persons = [text for text, mask in LOOKS.items() if mask]
    card = "4111111111111111"  # a number as a category's id is that
    events = [
        Event(
            product_id=str(number),
            brand=text,
            category_code=text if number % 2 else "a.b",
            category_id=text if LOOKS[text] == "masked: e-mail" and len(text) <= 32 else card,
        )
        for number, text in enumerate(persons, 1)
    ]
    house.deliver("a.csv", [*events, Event(product_id="99", brand="acme \U0010ffff\x01 ab")])
    house.build(*UP_TO_EVENTS)
    assert house.value("select count(*) from core.events") == len(events) + 1
    held = b"".join(path.read_bytes() for path in house.home.glob("warehouse.duckdb*"))
    assert not [text for text in persons if text.encode() in held]
    kinds = house.rows(
        "select brand, count(*) from core.events where brand like 'masked%' group by all order by all"
    )
    expected = [mask for mask in LOOKS.values() if mask]
    assert kinds == [(mask, expected.count(mask)) for mask in sorted(set(expected))]
    n_mails = sum(event.category_id != card for event in events)
    assert house.rows(
        "select category_id, count(*) from core.events where product_id <> 99 group by all order by all"
    ) == [(card, len(events) - n_mails), ("masked: e-mail", n_mails)]
    assert n_mails > 9


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_a_file_that_looks_like_a_person_is_not_told(name):
    assert without_person(name) == (NAMES[name] or name)


@pytest.mark.parametrize("choice", ["fail", "skip"])
def test_no_name_of_a_file_carries_a_person_out_of_the_vault(house, choice, capfd):
    """Refused like any other file that cannot be read, and named by what its name looks like."""
    raw = [name for name, masked in NAMES.items() if masked and "/" not in name]
    for name in [*raw, "2019-Oct.csv", "events_20191001120000.csv"]:
        house.deliver(name, [Event(user_id=str(7 + len(name)))])
    house.variables["on_refused_file"] = choice
    built = house.run(*UP_TO_EVENTS, "--select", "+feed_health", "+reconciliation")
    said = built.said + "".join(capfd.readouterr())
    assert built.succeeded == (choice == "skip")
    assert said.count("looks like an e-mail address or a telephone number") >= len(raw)
    if choice == "skip":
        assert house.rows("select distinct file_name from monitor.reconciliation order by 1") == [
            ("2019-Oct.csv",), ("events_20191001120000.csv",)
        ]  # fmt: skip
    told = [said.encode()]
    told += [
        path.read_bytes() for path in house.folder.rglob("*") if path.is_file() and "lake" not in path.parts
    ]
    assert [name for name in raw for text in told if name.split(".csv")[0].encode() in text] == []


def test_nor_does_a_file_of_a_side_input(tmp_path):
    for name in ("jane@shop.example.csv", "2019-Oct.csv"):
        (tmp_path / name).write_text("user_id,purpose\n")
    declared = side.SideInput("consents", ("purpose",), person="user_id")
    found = side.inventory([declared], {"CLIENTELE_SIDE_CONSENTS": str(tmp_path)}, [], ",")
    assert sorted((file.as_row()["file_name"], file.status) for file in found) == [
        ("2019-Oct.csv", "readable"),
        ("masked: e-mail.csv (2)", "refused"),
    ]
    assert "jane" not in str(found)
