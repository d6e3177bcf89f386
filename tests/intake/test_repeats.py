"""Purchase lines of one file that agree in everything are so many units where the shop says so."""

from __future__ import annotations

from support import UP_TO_EVENTS, Account, Event, House

PAPERS = False
EVENTS = (
    "select product_id, event_type, count(*), max(coalesce(repeat_number, 1)) "
    "from core.events group by all order by all"
)


def test_repeated_purchases_are_units_within_a_file_and_copies_in_another(house: House):
    bought, seen, other = (
        Event(event_type="purchase"),
        Event(),
        Event(event_type="purchase", product_id="2002"),
    )
    house.variables["repeated_purchase_lines"] = "keep"
    house.deliver("a.csv", [bought, bought, bought, seen, seen])
    house.deliver("b.csv", [bought, bought, other])
    house.build(*UP_TO_EVENTS)
    assert house.rows(EVENTS) == [(1001, "purchase", 3, 3), (1001, "view", 1, 1), (2002, "purchase", 1, 1)]
    assert house.accounts() == {
        "a.csv": Account(6, loaded=4, duplicates=1),
        "b.csv": Account(4, loaded=1, duplicates=2),
    }
    # another file with more of them adds what is more; the books balance
    house.deliver("c.csv", [bought] * 5)
    house.build(*UP_TO_EVENTS)
    assert house.rows(EVENTS)[0] == (1001, "purchase", 5, 5)
    assert house.accounts()["c.csv"] == Account(6, loaded=2, duplicates=3)
    incremental = house.rows(EVENTS)
    house.build(*UP_TO_EVENTS, "--full-refresh")
    assert house.rows(EVENTS) == incremental
    # a file that goes takes its units with it, and what another one holds comes back
    house.deliver("a.csv", [other])
    house.deliver("c.csv", [seen])
    house.build(*UP_TO_EVENTS)
    assert house.rows(EVENTS) == [(1001, "purchase", 2, 2), (1001, "view", 1, 1), (2002, "purchase", 1, 1)]

    refused = house.run(*UP_TO_EVENTS, variables={"repeated_purchase_lines": "drop"})
    assert not refused.succeeded and "repeated_purchase_lines" in refused.said
    house.variables["repeated_purchase_lines"] = "drop"
    house.build(*UP_TO_EVENTS, "--full-refresh")
    assert house.rows(EVENTS)[0] == (1001, "purchase", 1, 1)
