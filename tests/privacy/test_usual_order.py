"""The usual order of a shop that sells only when its reference days are over: steps hang on no customer."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
from support import WITHOUT_TESTS, Event, House, csv_text

PAPERS = False
SETTINGS = {"reference_days": 10}
GREATEST = "600000777"
SUMS = {
    "shop_months": ("month_date", "revenue"),
    "shop_states": ("dimension, group_code", "revenue"),
    "segment_summary": ("segment_id", "revenue"),
    "monthly_refunds": ("month_date", "refunded"),
}
PRIORS = "select items_per_order, order_value, mean_ln_latency from core.shop_priors"
BUILT = ("--select", "+shop_months", "+shop_states", "+segment_summary", "+monthly_refunds", *WITHOUT_TESTS)
UP_TO_PRIORS = ("--select", "+shop_priors", *WITHOUT_TESTS)


def event(user: int | str, day: int, kind: str, price: float = 40, product: int = 1001) -> Event:
    moment = datetime(2019, 10, 1, 9) + timedelta(days=day - 1, minutes=int(user) % 600)
    return Event(
        f"{moment:%Y-%m-%d %H:%M:%S} UTC",
        kind,
        str(product),
        price=f"{price:.2f}",
        user_id=str(user),
        user_session=f"{int(user):08x}-0000-4000-9000-{day:012d}",
    )


def selling(day: int) -> list[Event]:
    """Return the orders of a day, some customers' turn each day, worth 40 in the mean."""
    buyers = [600_000_000 + (day * 4 + number) % 60 for number in range(4)]
    return [event(user, day, "purchase", price) for user, price in zip(buyers, [30, 50] * 2, strict=True)]


LOOKING = [
    event(600_000_000 + (day * 7 + number) % 60, day, "view") for day in range(1, 91) for number in range(7)
]
FIRST_SALES = [one for day in range(41, 51) for one in selling(day)]
LATER_SALES = [one for day in range(51, 91) for one in selling(day)]
# as loyal as the others, so that no cell of the few is theirs
GREAT = [
    event(GREATEST, 3, "view"),
    event(GREATEST, 70, "purchase", 48_765.43),
    *(event(GREATEST, day, "purchase") for day in (71, 72, 73)),
]
BACK = [event(600_000_000 + number, 80, "refund", 9) for number in range(30)]


def deliver(house: House, name: str, *events: Event) -> None:
    house.deliver(name, csv_text(sorted(set(events))))


def priors(house: House) -> tuple[float, ...]:
    return tuple(round(float(value), 9) for value in house.rows(PRIORS)[0])


def published(house: House) -> dict[str, pd.Series]:
    found = {}
    for table, (key, money) in SUMS.items():
        rows = house.rows(
            f"select concat_ws(' ', {key}), {money} from marts.{table} where {money} is not null order by all"
        )
        found[table] = pd.Series(dict(rows), dtype=float)
    return found


def test_sums_of_a_shop_that_begins_to_sell_late_do_not_tell_of_its_greatest_spender(new_house):
    """Nobody buys for forty days; a month later one customer spends 48,765.43, and is erased."""
    house = new_house(variables=SETTINGS | {"refunds": "keep"})
    deliver(house, "a.csv", *LOOKING, *FIRST_SALES, *LATER_SALES, *GREAT, *BACK)
    house.build(*BUILT)
    usual = priors(house)
    assert usual[1] == 40
    before = published(house)
    assert house.operation("erase_subjects", CLIENTELE_SUBJECT=GREATEST).succeeded
    house.build(*BUILT)
    assert house.value("select count(*) from core.events where price > 100") == 0
    after = published(house)
    assert priors(house) == usual, "who is in none of the days that say what is usual leaves them as they are"
    for table in SUMS:
        assert len(before[table]) and before[table].index.equals(after[table].index), table
        for sums in (before[table], after[table]):
            assert not (sums % 1000).any(), "a step is what 25 orders of 40 are"
        assert (after[table] - before[table]).abs().max() <= 1000, table


def test_the_days_of_the_usual_order_go_on_until_orders_are_in(new_house):
    """Whatever is delivered in which order, and whoever leaves: what a full refresh says."""
    house = new_house(variables=SETTINGS)

    def measured_anew(name: str, *events: Event) -> bool:
        """Deliver these, and return whether that says anew what is usual."""
        load = "select load_id from core.shop_priors"
        earlier = house.value(load)
        deliver(house, name, *events)
        house.build(*UP_TO_PRIORS)
        return house.value(load) > earlier

    def as_in_a_full_refresh() -> bool:
        kept = priors(house)
        house.build("--full-refresh", *UP_TO_PRIORS)
        return priors(house) == kept

    deliver(house, "looking.csv", *LOOKING[:250])
    house.build(*UP_TO_PRIORS)
    assert priors(house) == (1, 1, 6)
    assert not measured_anew("more looking.csv", *LOOKING[250:]), "nobody has bought anything"
    assert measured_anew("first.csv", *FIRST_SALES[:4]) and priors(house)[1] == 40

    # the one order of a day that lies behind the others, of who leaves
    assert measured_anew("one.csv", event(GREATEST, 60, "purchase", 440)) and priors(house)[1] == 120
    assert house.operation("erase_subjects", CLIENTELE_SUBJECT=GREATEST).succeeded
    assert measured_anew("nothing.csv") and priors(house)[1] == 40
    assert as_in_a_full_refresh()

    assert measured_anew("second.csv", *FIRST_SALES[4:])
    assert not measured_anew("later.csv", *LATER_SALES), "ten days hold orders, and stay what they are"
    assert measured_anew("late.csv", event(600_000_030, 45, "purchase", 450, 1002)) and priors(house)[1] == 50
    assert as_in_a_full_refresh()
    # a purchase in the first ten days, and these are the days, as in any shop
    assert measured_anew("early.csv", event(600_000_031, 4, "purchase", 70)) and priors(house)[1] == 70
    assert as_in_a_full_refresh()
