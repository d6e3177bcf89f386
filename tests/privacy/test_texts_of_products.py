"""What people type into the fields of products: addresses and numbers of persons are masked."""

from __future__ import annotations

import duckdb
import pytest
from support import UP_TO_EVENTS, Event

from clientele.ids import normal_text

PAPERS = False
LOOKS = {
    "jane.doe@shop.example": "masked: e-mail",
    "acme (call jane@shop.example)": "masked: e-mail",
    "JANE.DOE@SHOP.EXAMPLE": "masked: e-mail",
    "mailto:jane%40shop.example": "masked: e-mail",
    "jane.doe @ shop.example": "masked: e-mail",
    "jane.doe  @shop.example": "masked: e-mail",
    "Tel +33-6-12-34-56-78": "masked: phone",
    "+33 6 12 34 56 78": "masked: phone",
    "0612345678": "masked: phone",
    "tel. 06.12.34.56.78": "masked: phone",
    "0041 (44) 668 18 00": "masked: phone",
    "4111 1111 1111 1111": "masked: card",
    "5500-0000-0000-0004": "masked: card",
    "378282246310005": "masked: card",
    "3056 930902 5904": "masked: card",
    "4111 1111 1111 1112": None,
    "acme": None,
    "black & decker": None,
    "@home": None,
    "tea @ 1.50 eur": None,
    "f@st": None,
    "Size%40cm 1.50": None,
    "SKU0A12B34C56D78E90": None,
    "7 for all mankind": None,
    "3.1 phillip lim": None,
    "2019-10-01": None,
    "4006381333931": None,
    "casio fx-991ex 2053013552326770905": None,
    "electronics.smartphone": None,
    "no.7": None,
    "": None,
}


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


def test_no_text_of_a_product_carries_a_person_out_of_the_vault(house):
    """One of each kind: the event is kept, its text is not, and no byte of it is in the warehouse."""
    persons = [text for text, mask in LOOKS.items() if mask]
    events = [
        Event(product_id=str(number), brand=text, category_code=text if number % 2 else "a.b")
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
