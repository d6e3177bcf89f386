"""The customer's copy as a page: whole, in both languages, and inert whatever the shop's files hold."""

from __future__ import annotations

import re
from datetime import date, datetime
from html.parser import HTMLParser

import pytest

from clientele.report.copy_page import render_copy

EVIL = '<script>alert(1)</script>"><img src=x onerror=y> =cmd|calc'
EVENTS = [
    {"event_at": f"2019-10-0{day} 12:00:00", "event_type": kind, "product_id": 1000 + day, "brand": EVIL,
     "price": "1234.5000", "origin_file": f"{EVIL}.csv"}
    for day, kind in ((1, "view"), (2, "view"), (3, "purchase"))
]  # fmt: skip
SEGMENT = {
    "segment_name": "Window shoppers", "segment_name_fr": "Flâneurs", "confidence": 0.91,
    "reason_1": "comes often", "reason_2": "buys little", "reason_3": None, "lifecycle_state": "loyal",
}  # fmt: skip
LINE = {"reason": "negative_price", "file_name": "a.csv", "line_text": EVIL}


def table(*rows: dict) -> dict:
    return {"meaning": f"One row per event {EVIL}", "columns": {}, "rows": list(rows)}


def copy(**tables: dict) -> dict:
    named = {name.replace("__", "."): held for name, held in tables.items()}
    return {"held": any(held["rows"] for held in named.values()), "tables": named}


class Texts(HTMLParser):
    """The tags of a page, and its texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}

    def handle_data(self, data: str) -> None:
        self.texts.append(" ".join(data.split()))


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    held = copy(
        core__events=table(*EVENTS),
        marts__user_segments=table(SEGMENT),
        marts__customer_predictions=table({"p_order_30d": 0.0234}),
        vault__quarantined_lines=table(LINE),
        vault__objections=table(),
    )
    reasons = {"comes often": "vient souvent"}
    return {language: render_copy(held, reasons, date(2020, 2, 1), language) for language in ("en", "fr")}


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_copy_is_one_file_that_runs_nothing_and_asks_for_nothing(pages, language):
    page = Texts(pages[language])
    assert not page.tags & {"script", "img", "iframe", "link", "object", "form"}
    assert not [name for name in page.attributes if name.startswith("on")] and "src" not in page.attributes
    assert not re.search(r"https?://|url[(]", pages[language])
    assert sum(EVIL in text for text in page.texts) >= 3


def test_it_says_what_is_held_in_words(pages):
    english, french = (" ".join(Texts(pages[language]).texts) for language in ("en", "fr"))
    assert "3 things that you did are held, from October 1, 2019 to October 3, 2019." in english
    assert "the group “Window shoppers”. The shop holds that for 91% certain." in english
    assert "comes often; buys little" in english and "Loyal customer" in english and "2%" in english
    assert "1,234.50" in english and "negative price" in english and "February 1, 2020" in english
    assert "« Flâneurs »" in french.replace("\u00a0", " ") and "vient souvent; buys little" in french
    assert "Client fidèle" in french and "1 février 2020" in french.replace("\u00a0", " ")


def test_who_has_objected_reads_so_and_who_is_unknown_too():
    objected = copy(core__events=table(EVENTS[0]), vault__objections=table({"user_id": 7}))
    page = render_copy(objected, {}, date(2020, 2, 1), "en")
    assert "nothing be concluded from your data" in page and "Nothing." in page
    nothing = render_copy(copy(core__events=table()), {}, date(2020, 2, 1), "fr")
    assert "Rien." in nothing and "classé" not in nothing


def test_times_may_come_as_times(pages):
    event = EVENTS[0] | {"event_at": datetime(2019, 10, 1, 12)}
    assert "October 1, 2019" in render_copy(copy(core__events=table(event)), {}, date(2020, 2, 1), "en")
