"""How customers become events: needs, their visits, what is looked at, carts and orders."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

COLUMNS = [
    "event_time",
    "event_type",
    "product_id",
    "category_id",
    "category_code",
    "brand",
    "price",
    "user_id",
    "user_session",
]

# name, number of kinds of goods, price of the middle product: what a shop of household goods might sell.
FAMILIES = {
    "electronics": (4, 220.0),
    "apparel": (4, 45.0),
    "kitchen": (3, 70.0),
    "garden": (3, 55.0),
    "toys": (3, 25.0),
    "beauty": (3, 18.0),
    "sports": (3, 60.0),
    "stationery": (2, 9.0),
}
N_FAMILIES = len(FAMILIES)
N_BRANDS = 7  # of a family; the last has no name

# What one customer does, each about 0 in the middle of a shop and about 1 where it is marked. The links that
# make rates and shares of them stand in `_visits`, `_looks` and `_log`.
HABITS = [
    "price",  # deviations from the middle of the family
    "price_spread",
    "visits_per_need",
    "looks_per_visit",
    "pace",  # seconds between looks
    "returns",  # looks at what was looked at before
    "breadth",  # looks outside of the family that is needed
    "brand_loyalty",
    "cart",
    "order",
    "remove",
    "basket",
    "weekend",
    "morning",
    "evening",
    "night",
    *(f"taste_{family}" for family in FAMILIES),
]


def habit(**given: float) -> np.ndarray:
    """Return a row of `HABITS`: those that are named, 0 for the others.

    Raises
    ------
    ValueError
        A name is not in `HABITS`.
    """
    unknown = set(given) - set(HABITS)
    if unknown:
        raise ValueError(f"habits {sorted(unknown)} are unknown; known are {HABITS}")
    return np.array([given.get(name, 0.0) for name in HABITS])


@dataclass(frozen=True)
class Customers:
    """Who comes to a shop, and when.

    Attributes
    ----------
    habits : array (n_rows, len(HABITS))
        Row i is customer i's; row n + i what customer i does after ``switch_day``, where there are 2 n rows.
    groups : array (n_rows,) of str or None
    needs_a_month : array (n,)
    first_day, last_day : array (n,)
        Days since the shop's first, with fractions.
    switch_day : array (n,)
        Infinite for those who never change.
    coarse : array (n,) of str or None
    is_bot : array (n,)
    """

    habits: np.ndarray
    groups: np.ndarray
    needs_a_month: np.ndarray
    first_day: np.ndarray
    last_day: np.ndarray
    switch_day: np.ndarray
    coarse: np.ndarray
    is_bot: np.ndarray

    def __len__(self) -> int:
        """Return the number of customers."""
        return len(self.needs_a_month)


def draw_events(
    customers: Customers,
    chance: np.random.Generator,
    *,
    catalogue_seed: int,
    start: pd.Timestamp,
    days: int,
    christmas: bool = False,
    orders_only: bool = False,
    currency: float = 1.0,
    utc_offset_hours: int = 0,
) -> pd.DataFrame:
    """Draw what these customers do.

    Parameters
    ----------
    customers : Customers
    chance : Generator
    catalogue_seed : int
        The same gives the same products.
    start : Timestamp
        The first day, in the shop's time.
    days : int
    christmas, orders_only, currency, utc_offset_hours
        As in `shops.mechanisms.Shop`.

    Returns
    -------
    DataFrame
        `COLUMNS`, ``day`` (of the shop, from 0) and ``customer`` (a place in `customers`), in no order.
    """
    catalogue = _catalogue(np.random.default_rng([catalogue_seed, 7]), currency)
    visits = _visits(customers, chance, start, days, christmas)
    looks = _looks(customers, visits, catalogue, chance)
    log = _orders if orders_only else _log
    return _events(
        log(customers, visits, looks, catalogue, chance), catalogue, chance, start, days, utc_offset_hours
    )


@dataclass(frozen=True)
class _Catalogue:
    """Products in order of kind, brand and price; `first` and `count` say where the brands of a kind lie."""

    product_id: np.ndarray
    category_id: np.ndarray
    category_code: np.ndarray
    brand: np.ndarray
    price: np.ndarray
    first: np.ndarray  # (kinds, brands)
    count: np.ndarray
    kinds_of: list[np.ndarray] = field(default_factory=list)


_BRAND_SHARE = np.array([0.3, 0.2, 0.13, 0.1, 0.07, 0.05, 0.15])  # the last is without a name


def _catalogue(chance: np.random.Generator, currency: float) -> _Catalogue:
    kinds, family_of, middle = [], [], []
    for number, (family, (n_kinds, price)) in enumerate(FAMILIES.items()):
        kinds += [f"{family}.kind_{place + 1}" for place in range(n_kinds)]
        family_of += [number] * n_kinds
        middle += list(price * np.exp(0.25 * chance.standard_normal(n_kinds)))
    family_of = np.array(family_of)
    size = 120
    kind = np.repeat(np.arange(len(kinds)), size)
    brand = chance.choice(N_BRANDS, size=len(kind), p=_BRAND_SHARE)
    # every kind has every brand, so that there is always something to be loyal to
    brand.reshape(len(kinds), size)[:, :N_BRANDS] = np.arange(N_BRANDS)
    price = currency * np.array(middle)[kind] * np.exp(0.7 * chance.standard_normal(len(kind)))
    price = np.maximum(np.round(price, 0 if currency >= 100 else 2), 0.5)
    order = np.lexsort((price, brand, kind))
    kind, brand, price = kind[order], brand[order], price[order]
    cells = kind * N_BRANDS + brand
    count = np.bincount(cells, minlength=len(kinds) * N_BRANDS).reshape(-1, N_BRANDS)
    first = (np.cumsum(count.ravel()) - count.ravel()).reshape(-1, N_BRANDS)
    names = [
        None if number == N_BRANDS - 1 else f"{family[:4]}{'aeiouy'[number]}n"
        for family in FAMILIES
        for number in range(N_BRANDS)
    ]
    return _Catalogue(
        product_id=10_000 + chance.permutation(len(kind)) * 7,
        category_id=2_100_000_000_000_000_000 + 1_000_003 * kind.astype(np.int64),
        category_code=np.array(kinds, dtype=object)[kind],
        brand=np.array(names, dtype=object)[family_of[kind] * N_BRANDS + brand],
        price=price,
        first=first,
        count=count,
        kinds_of=[np.flatnonzero(family_of == number) for number in range(N_FAMILIES)],
    )


def _share(value: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-value))


def _drawn_from(chance: np.random.Generator, logits: np.ndarray) -> np.ndarray:
    """Draw one column of each row, with the softmax of the row as probabilities (Gumbel 1954)."""
    return np.argmax(logits + chance.gumbel(size=logits.shape), axis=1)


def _within(counts: np.ndarray) -> np.ndarray:
    """Return 0, 1, … within each run of so many rows."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)


def _column(habits: np.ndarray, name: str) -> np.ndarray:
    return habits[:, HABITS.index(name)]


def _visits(
    customers: Customers, chance: np.random.Generator, start: pd.Timestamp, days: int, christmas: bool
) -> dict[str, np.ndarray]:
    """Draw needs and their visits: one entry per visit, in order of customer and need."""
    n = len(customers)
    # how many needs a day of the shop brings, against an average one
    pull = np.exp(0.08 * chance.standard_normal(days))
    if christmas:
        pull[-30:] *= 2.0
    until = np.concatenate([[0.0], np.cumsum(pull)])
    at = np.arange(days + 1)
    begin, end = np.interp(customers.first_day, at, until), np.interp(customers.last_day, at, until)
    n_needs = np.maximum(chance.poisson(customers.needs_a_month * (end - begin) / 30), 1)
    owner = np.repeat(np.arange(n), n_needs)
    need_day = np.interp(begin[owner] + chance.random(len(owner)) * (end - begin)[owner], until, at)
    # a wave of bots is seen at once
    appears = customers.is_bot[owner] & (_within(n_needs) == 0)
    need_day = np.where(appears, customers.first_day[owner], need_day)
    row = owner + n * (need_day >= customers.switch_day[owner]) if len(customers.habits) > n else owner
    habits = customers.habits[row]
    is_present = np.zeros(len(owner), bool)
    if christmas:
        is_present = (need_day >= days - 30) & (chance.random(len(owner)) < 0.5)
    family = _drawn_from(chance, habits[:, -N_FAMILIES:])
    # presents are for others: their family has nothing to do with the giver's taste
    gifts = chance.choice(N_FAMILIES, size=len(owner), p=[0.22, 0.15, 0.05, 0.01, 0.4, 0.12, 0.05, 0.0])
    family = np.where(is_present, gifts, family)

    n_visits = 1 + chance.poisson(0.7 * np.exp(0.6 * _column(habits, "visits_per_need")))
    need = np.repeat(np.arange(len(owner)), n_visits)
    habits = habits[need]
    later = chance.exponential(1.5, len(need)) * (_within(n_visits) > 0)
    # the running sum of pauses within a need
    total = np.cumsum(later)
    starts = np.repeat(np.cumsum(n_visits) - n_visits, n_visits)
    day = np.floor(need_day[need] + total - total[starts]).astype(int)

    # Somebody's own week: a visit moves to the nearest day off, or from it to a working day of the same week.
    weekday = (start.weekday() + day) % 7
    wants_weekend = chance.random(len(need)) < _share(-0.9 + 1.3 * _column(habits, "weekend"))
    target = np.where(wants_weekend, chance.integers(5, 7, len(need)), chance.integers(0, 5, len(need)))
    moved = wants_weekend != (weekday >= 5)
    day = np.where(moved, day + target - weekday, day)

    parts = np.stack(
        [
            -1.5 + 1.6 * _column(habits, "night"),
            0.0 + 1.1 * _column(habits, "morning"),
            np.full(len(need), 0.3),
            0.2 + 1.1 * _column(habits, "evening"),
        ],
        axis=1,
    )
    part = _drawn_from(chance, parts)
    # from 23, 6, 12 and 18 o'clock on, fuller in the middle of each
    opens, lasts = np.array([23, 6, 12, 18])[part], np.array([7, 6, 6, 5])[part]
    hour = (opens + lasts * chance.triangular(0, 0.5, 1, len(need))) % 24
    kept = (day >= 0) & (day < days)
    # who came in the first or last week only may have lost every visit by moving it: one stays where it was
    lonely = ~np.isin(np.arange(n), owner[need][kept])
    first_of = np.unique(owner[need], return_index=True)[1]
    rescued = first_of[lonely[owner[need][first_of]]]
    day[rescued] = np.clip(np.floor(need_day[need][rescued]), 0, days - 1)
    kept[rescued] = True
    return {
        "customer": owner[need][kept],
        "row": row[need][kept],
        "need": need[kept],
        "family": family[need][kept],
        "is_present": is_present[need][kept],
        "second": (day[kept] * 86_400 + hour[kept] * 3600).astype(np.int64),
    }


def _looks(
    customers: Customers, visits: dict[str, np.ndarray], catalogue: _Catalogue, chance: np.random.Generator
) -> dict[str, np.ndarray]:
    """Draw what is looked at in each visit: one entry per look, in the order in which they happen."""
    order = np.lexsort((visits["second"], visits["need"]))
    for name in visits:
        visits[name] = visits[name][order]
    at_visit = customers.habits[visits["row"]]
    mean = 2.2 * np.exp(0.5 * _column(at_visit, "looks_per_visit"))
    n_looks = 1 + np.minimum(chance.negative_binomial(1.2, 1.2 / (1.2 + mean)), 120)
    visit = np.repeat(np.arange(len(n_looks)), n_looks)
    row = visits["row"][visit]
    habits = customers.habits[row]

    strays = chance.random(len(visit)) < _share(-1.4 + 0.9 * _column(habits, "breadth"))
    family = np.where(strays, _drawn_from(chance, habits[:, -N_FAMILIES:]), visits["family"][visit])
    # Most needs are for one kind of the family; favourite brands belong to a customer and a family.
    need = visits["need"][visit]
    kind = np.empty(len(visit), np.int64)
    turn = (need * 2_654_435_761 % 2**32) / 2**32
    turn = np.where(chance.random(len(visit)) < 0.7, turn, chance.random(len(visit)))
    for number, kinds in enumerate(catalogue.kinds_of):
        own = family == number
        kind[own] = kinds[(turn[own] * len(kinds)).astype(int)]
    favourite = chance.choice(N_BRANDS, size=(len(customers), N_FAMILIES), p=_BRAND_SHARE)
    loyal = chance.random(len(visit)) < _share(-0.8 + 1.2 * _column(habits, "brand_loyalty"))
    brand = np.where(
        loyal,
        favourite[visits["customer"][visit], family],
        chance.choice(N_BRANDS, size=len(visit), p=_BRAND_SHARE),
    )
    spread = 0.7 * np.exp(0.4 * _column(habits, "price_spread"))
    level = 0.75 * _column(habits, "price") + spread * chance.standard_normal(len(visit))
    level = level + 0.8 * visits["is_present"][visit]
    place = np.minimum(_normal_share(level), 1 - 1e-9)
    product = catalogue.first[kind, brand] + (place * catalogue.count[kind, brand]).astype(int)

    # Some looks return to an earlier one of the same need.
    runs = np.bincount(need)
    position = _within(runs[runs > 0])
    back = (position > 0) & (chance.random(len(visit)) < _share(-1.2 + 1.0 * _column(habits, "returns")))
    source = np.arange(len(visit)) - position + (chance.random(len(visit)) * position).astype(int)
    product = np.where(back, product[source], product)
    pause = np.exp(3.3 + 0.4 * _column(habits, "pace") + 0.8 * chance.standard_normal(len(visit)))
    pause = np.where(_within(n_looks) > 0, np.clip(pause, 2, 1200), 0)
    total = np.cumsum(pause)
    starts = np.repeat(np.cumsum(n_looks) - n_looks, n_looks)
    second = visits["second"][visit] + (total - total[starts]).astype(np.int64)
    return {"visit": visit, "row": row, "product": product, "second": second}


def _normal_share(value: np.ndarray) -> np.ndarray:
    """Share of a standard normal below (Bowling et al. 2009, logistic approximation)."""
    return _share(0.07056 * value**3 + 1.5976 * value)


def _log(
    customers: Customers,
    visits: dict[str, np.ndarray],
    looks: dict[str, np.ndarray],
    catalogue: _Catalogue,
    chance: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Add carts, removals and orders to the looks: one entry per event."""
    visit, row = looks["visit"], looks["row"]
    habits, at_visit = customers.habits[row], customers.habits[visits["row"]]
    present = visits["is_present"]
    carted = chance.random(len(visit)) < _share(-2.4 + 0.8 * _column(habits, "cart") + 0.8 * present[visit])
    n_carted = np.bincount(visit[carted], minlength=len(at_visit))
    orders = (n_carted > 0) & (
        chance.random(len(at_visit)) < _share(-0.4 + 0.9 * _column(at_visit, "order") + 0.8 * present)
    )
    removed = carted & (chance.random(len(visit)) < _share(-2.2 + 1.0 * _column(habits, "remove")))
    # what else was looked at comes along at the till
    comes_along = _share(-3.2 + 1.0 * _column(habits, "basket"))
    along = orders[visit] & ~carted & (chance.random(len(visit)) < comes_along)
    bought = (carted & ~removed & orders[visit]) | along
    last = np.zeros(len(at_visit), np.int64)
    np.maximum.at(last, visit, looks["second"])
    till = last + 40
    place = _place(visit, bought)
    parts = [
        ("view", np.ones(len(visit), bool), looks["second"]),
        ("cart", carted | along, looks["second"] + 1 + chance.integers(0, 9, len(visit))),
        ("remove_from_cart", removed, looks["second"] + 12 + chance.integers(0, 20, len(visit))),
        ("purchase", bought, till[visit] + place),
    ]
    look = np.concatenate([np.flatnonzero(chosen) for _, chosen, _ in parts])
    names = np.array([name for name, _, _ in parts], dtype=object)
    return {
        "event_type": np.repeat(names, [chosen.sum() for _, chosen, _ in parts]),
        "second": np.concatenate([second[chosen] for _, chosen, second in parts]),
        "product": looks["product"][look],
        "visit": visit[look],
        "customer": visits["customer"][visit[look]],
        "quantity": np.ones(len(look)),
    }


def _place(visit: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return for each chosen entry how many of its visit were chosen before it."""
    before = np.cumsum(chosen) - chosen
    is_first = np.concatenate([[True], visit[1:] != visit[:-1]])
    return before - np.maximum.accumulate(np.where(is_first, before, 0))


def _orders(
    customers: Customers,
    visits: dict[str, np.ndarray],
    looks: dict[str, np.ndarray],
    catalogue: _Catalogue,
    chance: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Make an order of every visit: all that was looked at is bought at one moment, in some quantity."""
    visit = looks["visit"]
    # an invoice has one line per product and one time
    lines = pd.DataFrame({"visit": visit, "product": looks["product"]}).drop_duplicates()
    kept = lines.index.to_numpy()
    visit = visit[kept]
    cheap = np.log(catalogue.price[looks["product"][kept]])
    quantity = np.ceil(np.exp(3.5 - 0.5 * cheap + 0.7 * chance.standard_normal(len(kept)))).clip(1)
    return {
        "event_type": np.full(len(kept), "purchase", dtype=object),
        "second": visits["second"][visit],
        "product": looks["product"][kept],
        "visit": visit,
        "customer": visits["customer"][visit],
        "quantity": quantity,
    }


def _events(
    log: dict[str, np.ndarray],
    catalogue: _Catalogue,
    chance: np.random.Generator,
    start: pd.Timestamp,
    days: int,
    utc_offset_hours: int,
) -> pd.DataFrame:
    """Return the nine columns, and `day` and `customer` for what happens to the shop."""
    n_visits = int(log["visit"].max()) + 1
    text = chance.bytes(16 * n_visits).hex()
    parts = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
    sessions = [
        "-".join(text[at + begin : at + end] for begin, end in parts) for at in range(0, 32 * n_visits, 32)
    ]
    ids = 500_000_000 + chance.permutation(3 * (int(log["customer"].max()) + 1))
    product = log["product"]
    events = pd.DataFrame(
        {
            "event_time": start + pd.to_timedelta(log["second"] - 3600 * utc_offset_hours, unit="s"),
            "event_type": log["event_type"],
            "product_id": catalogue.product_id[product],
            "category_id": catalogue.category_id[product],
            "category_code": catalogue.category_code[product],
            "brand": catalogue.brand[product],
            "price": np.round(catalogue.price[product] * log["quantity"], 2),
            "user_id": ids[log["customer"]],
            "user_session": np.array(sessions, dtype=object)[log["visit"]],
            "day": log["second"] // 86_400,
            "customer": log["customer"],
        }
    )
    # two events of one second, kind and product are one line
    keys = ["event_time", "event_type", "product_id", "user_id"]
    return events[events["day"] < days].drop_duplicates(keys)
