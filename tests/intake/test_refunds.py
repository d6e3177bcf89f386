"""Lines that give money back: quarantined, or kept beside the events where the var refunds says so."""

from __future__ import annotations

import pytest
from support import WITHOUT_TESTS, WITHOUT_UNIT_TESTS, Account, Event, House

from clientele.intake.lake import COLUMNS

PAPERS = False
TO_MARTS = ("--select", "+reconciliation", "+refunds", *WITHOUT_TESTS)
KEPT = "select event_type, product_id, price::double, quantity::double from core.refunds order by all"
HEADER = ",".join((*COLUMNS, "quantity"))


def line(quantity: object = "", **changed: str) -> str:
    return f"{Event(**changed).line()},{quantity}"


BOUGHT = line(event_type="purchase", price="10")
# Each way in which files write a refund, with what it gives back.
WRITTEN = [
    (line(product_id="11", event_type="refund", price="12.30"), ("refund", 11, 12.3, None)),
    (line(product_id="12", event_type="Order Returned", price="-3"), ("refund", 12, 3.0, None)),
    (line(product_id="13", event_type="purchase", price="-4.5"), ("refund", 13, 4.5, None)),
    (line(-2, product_id="14", event_type="purchase", price="5"), ("refund", 14, 5.0, 2.0)),
    (line(-3, product_id="15", event_type="refund", price="6"), ("refund", 15, 6.0, 3.0)),
    (line(-1, product_id="16", event_type="return", price="-7"), ("refund", 16, 7.0, 1.0)),
]
# What is below zero and no refund, with the reason.
NONE = [
    (line(-1, product_id="21", event_type="purchase", price="-1"), "negative_price"),
    (line(product_id="22", event_type="view", price="-1"), "negative_price"),
    (line(-1, product_id="23", event_type="cart", price="1"), "bad_quantity"),
    (line(0, product_id="24", event_type="refund", price="1"), "bad_quantity"),
    (line(product_id="25", event_type="refund", price=""), "missing_price"),
    (line(product_id="26", event_type="refund", user_id="0"), "sentinel_user_id"),
    (line("two", product_id="27", event_type="refund"), "bad_quantity"),
    (line("-5000000000", product_id="28", event_type="purchase"), "bad_quantity"),
]


def written(*lines: str) -> str:
    return "\n".join([HEADER, *lines]) + "\n"


def put(house: House, name: str, *lines: str) -> None:
    (house.lake / name).write_text(written(*lines))


@pytest.fixture
def keeping(house: House) -> House:
    house.variables |= {"refunds": "keep", "quarantine_refuse_share": 1}
    return house


def test_refunds_are_kept_beside_the_events(keeping):
    refunds = [text for text, _ in WRITTEN]
    put(keeping, "a.csv", BOUGHT, *refunds, *(text for text, _ in NONE), refunds[0])
    keeping.build(*TO_MARTS)
    assert keeping.rows(KEPT) == [row for _, row in WRITTEN]
    assert keeping.rows("select event_type, count(*) from core.events group by all") == [("purchase", 1)]
    assert sorted(reason for _, _, reason in keeping.quarantine()) == sorted(reason for _, reason in NONE)
    # a line that is there twice is one refund, and both are in the books
    n_kept = len(WRITTEN) + 1
    assert keeping.accounts() == {
        "a.csv": Account(1 + 1 + n_kept + len(NONE), loaded=1, quarantined=len(NONE), refunds=n_kept)
    }
    assert keeping.value("select sum(n_event_lines) from vault.vault.file_days") == 1


def test_by_default_they_are_quarantined_with_the_setting_that_keeps_them(house: House):
    house.variables["quarantine_refuse_share"] = 1
    put(house, "a.csv", BOUGHT, *(text for text, _ in WRITTEN))
    done = house.build(*TO_MARTS)
    assert house.rows(KEPT) == []
    assert {reason for _, _, reason in house.quarantine()} == {"refund", "negative_price", "bad_quantity"}
    assert "the var refunds: keep" in done.said
    # what is held was read with the former value
    refused = house.run(*TO_MARTS, variables={"refunds": "keep"})
    assert not refused.succeeded and "refunds was quarantine and is keep" in refused.said
    house.variables["refunds"] = "keep"
    house.build(*TO_MARTS, "--full-refresh")
    assert len(house.rows(KEPT)) == len(WRITTEN)


def test_order_and_corrections_do_not_matter(keeping, new_house):
    refunds = [text for text, _ in WRITTEN]
    put(keeping, "b.csv", *refunds[:3])  # before the purchase, and without any event
    keeping.build(*TO_MARTS)
    assert len(keeping.rows(KEPT)) == 3
    assert keeping.value("select count(*) from vault.vault.user_keys") == 1
    put(keeping, "a.csv", BOUGHT, refunds[0], refunds[5])
    keeping.build(*TO_MARTS)
    assert len(keeping.rows(KEPT)) == 4
    put(keeping, "b.csv", *refunds[1:3], refunds[1])  # a correction, of refunds alone
    keeping.build(*TO_MARTS)
    assert len(keeping.rows(KEPT)) == 4
    put(keeping, "a.csv", BOUGHT)
    keeping.build(*TO_MARTS)
    assert keeping.rows(KEPT) == [row for _, row in WRITTEN[1:3]]
    assert keeping.accounts()["b.csv"] == Account(4, refunds=3)


def test_repeats_are_units_where_repeated_purchases_are(keeping):
    keeping.variables["repeated_purchase_lines"] = "keep"
    put(keeping, "a.csv", BOUGHT, WRITTEN[0][0], WRITTEN[0][0])
    put(keeping, "b.csv", WRITTEN[0][0])
    keeping.build(*TO_MARTS)
    assert len(keeping.rows(KEPT)) == 2


def test_the_books_of_days_hold_after_an_erasure(keeping):
    """Kinds of events and refunds of a day add up, also where one customer is gone."""
    refund = WRITTEN[0][0]
    put(keeping, "a.csv", BOUGHT, refund, BOUGHT.replace("500000001", "500000002"), line(user_id="500000002"))
    keeping.build(*TO_MARTS)
    assert keeping.operation("erase_subjects", CLIENTELE_SUBJECT="500000001").succeeded
    buildable = ("--indirect-selection", "buildable", *WITHOUT_UNIT_TESTS)
    keeping.build("--select", "+reconciliation", *buildable)
    assert keeping.rows("select n_event_lines, n_purchases, n_refund_lines from vault.vault.file_days") == [
        (2, 1, 0)
    ]
    assert keeping.accounts()["a.csv"] == Account(5, loaded=2, erased=2)
