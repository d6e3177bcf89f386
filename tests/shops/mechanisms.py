"""Shops whose mechanism is known and is not that of the simulator, each with what must come out of it.

A customer has *needs*. Needs arrive at a rate of the customer's own; each is for a family of products and
takes a few visits over a few days, in which the customer looks at products of one price level and one or a
few brands, returns to some, fills a cart and orders or not. How somebody does this is a row of *habits*; a
shop says from which distribution these rows are drawn, and what else happens to the shop. How often needs
arrive, when somebody first comes and when for the last time is drawn apart from the habits: groups differ in
what they do, not in how much.

    drawn = SHOPS["clear_habits"].draw(seed=1, users=2000, days=90)
    drawn.events  # the nine input columns, event_time in UTC
    drawn.truth   # user_id, group, switch_at …
    write_months(drawn.events, folder)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from shops.engine import COLUMNS, FAMILIES, HABITS, Customers, draw_events, habit

# Seeds of the forty draws in which no groups may be found, named before anything was measured on them.
SEEDS_WITHOUT_GROUPS = range(2101, 2141)

__all__ = [
    "ARCHETYPES",
    "COLUMNS",
    "HABITS",
    "SEEDS_WITHOUT_GROUPS",
    "SHOPS",
    "Drawn",
    "Shop",
    "write_months",
]

# Six habits that a shopkeeper would tell apart. All come equally often and stay equally long.
ARCHETYPES = {
    "evening_premium": habit(
        price=1.3, evening=1.2, morning=-0.8, returns=1.0, looks_per_visit=0.5, visits_per_need=0.6,
        cart=-0.3, taste_electronics=2.2, taste_kitchen=1.0, taste_toys=-1.0, taste_stationery=-1.0,
    ),
    "weekend_family": habit(
        weekend=1.5, basket=1.0, cart=0.8, order=0.8, breadth=0.9, brand_loyalty=-0.6,
        taste_toys=2.0, taste_apparel=1.6, taste_electronics=-1.2, taste_beauty=-0.4,
    ),
    "bargain_hunter": habit(
        price=-1.4, price_spread=-0.6, morning=1.2, evening=-0.8, cart=1.3, order=-1.3, remove=1.0,
        weekend=-0.5, taste_kitchen=1.6, taste_garden=1.4, taste_sports=-0.6,
    ),
    "one_brand": habit(
        brand_loyalty=2.2, breadth=-1.3, looks_per_visit=-0.9, visits_per_need=-0.5, order=1.1, returns=-0.8,
        taste_beauty=2.8, taste_apparel=0.4, price=0.3,
    ),
    "night_browser": habit(
        night=2.2, evening=0.5, cart=-1.4, looks_per_visit=0.9, pace=0.6, breadth=0.9, price_spread=0.8,
        taste_sports=2.0, taste_electronics=1.0, taste_beauty=-0.8,
    ),
    "workday_supplier": habit(
        weekend=-1.6, morning=1.0, night=-1.0, evening=-0.8, basket=1.5, order=1.3, cart=0.6, pace=-0.6,
        taste_stationery=2.8, taste_kitchen=0.4, price=-0.3, returns=-0.5,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """One shop.

    Attributes
    ----------
    events : DataFrame
        The nine input columns in order of time; ``event_time`` in UTC without a zone, no brand is None.
    truth : DataFrame
        One row per ``user_id`` that has events: ``person`` (who is behind it), ``group`` (None where none was
        planted), ``coarse`` (of nested habits), ``group_after`` and ``switch_at`` (of those who change),
        ``is_bot``.
    """

    events: pd.DataFrame
    truth: pd.DataFrame


@dataclass(frozen=True)
class Shop:
    """How a shop comes about, and what a segmentation must make of it.

    Attributes
    ----------
    mechanism, must_come_out : str
        A sentence each.
    customers : callable
        From a generator of chance, a number of customers and a number of days to `Customers`.
    happenings : tuple of callables
        Each turns (events, chance, days) into events, in this order; see `prices_rise` for one.
    users, days : int
        Unless `draw` is told otherwise.
    start : date
    christmas : bool
        Half of the needs of the last thirty days are presents, and there are twice as many.
    orders_only : bool
        Nothing but purchases is logged, many lines an order, price = unit price times quantity.
    currency : float
        Multiplies prices; without cents from 100 on.
    utc_offset_hours : int
        The shop's local time minus UTC.
    """

    mechanism: str
    must_come_out: str
    customers: Callable[[np.random.Generator, int, int], Customers]
    happenings: tuple[Callable[[pd.DataFrame, np.random.Generator, int], pd.DataFrame], ...] = ()
    users: int = 4000
    days: int = 150
    start: date = date(2021, 3, 1)
    christmas: bool = False
    orders_only: bool = False
    currency: float = 1.0
    utc_offset_hours: int = 0

    def draw(self, seed: int = 1, users: int | None = None, days: int | None = None) -> Drawn:
        """Draw the shop.

        Parameters
        ----------
        seed : int
            The same settings and seed give the same events.
        users, days : int, optional
            The shop's own number unless given.

        Raises
        ------
        ValueError
            Fewer than one customer or than ten days.

        Examples
        --------
        >>> SHOPS["clear_habits"].draw(seed=1, users=50, days=30).events.columns.tolist() == COLUMNS
        True
        """
        users = self.users if users is None else users
        days = self.days if days is None else days
        if users < 1 or days < 10:
            raise ValueError(f"{users} users and {days} days: at least 1 and 10 are needed")
        chance = np.random.default_rng([seed, users, days])
        start = pd.Timestamp(self.start)
        if self.christmas:
            # the last day is the 24th of December, whatever the number of days
            start = pd.Timestamp(self.start.year, 12, 25) - pd.Timedelta(days=days)
        customers = self.customers(chance, users, days)
        events = draw_events(
            customers,
            chance,
            catalogue_seed=seed,
            start=start,
            days=days,
            christmas=self.christmas,
            orders_only=self.orders_only,
            currency=self.currency,
            utc_offset_hours=self.utc_offset_hours,
        )
        for happening in self.happenings:
            events = happening(events, chance, days)
        events = events.sort_values(["event_time", "user_id", "product_id", "event_type"], ignore_index=True)
        return Drawn(events[COLUMNS], _truth(events, customers, start))


def write_months(events: pd.DataFrame, folder: Path) -> list[Path]:
    """Write events as a shop delivers them: one CSV per month, in the format of the public REES46 files.

    Parameters
    ----------
    events : DataFrame
        As in `Drawn`.
    folder : Path
        Made where it is not there.

    Returns
    -------
    list of Path
        Such as ``2021-Mar.csv``, in order of time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with duckdb.connect() as connection:
        for month, rows in events.groupby(events["event_time"].dt.to_period("M")):
            path = folder / f"{month.year}-{month.strftime('%b')}.csv"
            quoted = str(path).replace("'", "''")
            connection.register("rows", rows[COLUMNS])
            connection.execute(
                "copy (select * replace (strftime(event_time, '%Y-%m-%d %H:%M:%S UTC') as event_time, "
                f"printf('%.2f', price) as price) from rows) to '{quoted}' (header)"
            )
            connection.unregister("rows")
            written.append(path)
    return written


# --- who comes


def _people(
    chance: np.random.Generator, n: int, days: int, spread: float, casual: float
) -> dict[str, np.ndarray]:
    """Return how often and how long customers come: of a heavy tail, and apart from all habits.

    The share `casual` looks in once or twice. Half are there on the first day; of the others as many come
    each day. Some stay, others leave after an exponential time.
    """
    needs = 2.4 * np.exp(spread * chance.standard_normal(n))
    needs = np.where(chance.random(n) < casual, 0.15, needs)
    first = np.where(chance.random(n) < 0.5, -1.0, chance.uniform(0, 0.97 * days, n)).clip(0)
    stays = np.where(chance.random(n) < 0.45, np.inf, chance.exponential(200, n) + 5)
    return {
        "needs_a_month": needs,
        "first_day": first,
        "last_day": np.minimum(first + stays, days),
    }


def _customers(
    chance: np.random.Generator,
    habits: np.ndarray,
    groups: np.ndarray | None,
    days: int,
    spread: float = 0.7,
    casual: float = 0.2,
    **given: np.ndarray,
) -> Customers:
    """Return customers with these habits who come as `_people` says; `given` replaces what nobody is."""
    n = len(given.get("switch_day", habits))
    nobody = np.full(n, None, dtype=object)
    defaults = {"switch_day": np.full(n, np.inf), "coarse": nobody, "is_bot": np.zeros(n, bool)}
    return Customers(
        habits,
        nobody if groups is None else groups,
        **_people(chance, n, days, spread, casual) | defaults | given,
    )


def no_groups(chance: np.random.Generator, n: int, days: int) -> Customers:
    """Draw one round cloud: every habit normal, all of one spread, none tied to another."""
    habits = 0.5 * chance.standard_normal((n, len(HABITS)))
    return _customers(chance, habits, None, days, spread=0.5, casual=0)


def long_axis(chance: np.random.Generator, n: int, days: int) -> Customers:
    """Draw one cloud with a long axis: a normal eagerness, on which habits and the rate of needs hang."""
    eagerness = chance.standard_normal(n)
    along = habit(
        visits_per_need=0.5, looks_per_visit=0.6, returns=0.7, cart=1.0, order=1.0, basket=0.6, price=0.3,
        pace=0.3, breadth=0.3,
    )  # fmt: skip
    habits = eagerness[:, None] * along + 0.2 * chance.standard_normal((n, len(HABITS)))
    customers = _customers(chance, habits, None, days, spread=0.4, casual=0)
    return replace(customers, needs_a_month=customers.needs_a_month * np.exp(0.6 * eagerness))


def clear_habits(n_groups: int = 4) -> Callable[..., Customers]:
    """Return customers of the first `n_groups` of `ARCHETYPES`; the first is twice as large as the last.

    Clear, not trivial: K-means on a few shares and means of the last 90 days finds the groups with an
    adjusted Rand index of about .8 (test_mechanisms.py).

    Parameters
    ----------
    n_groups : int
        3 to 6.

    Raises
    ------
    ValueError
        For another number of groups.
    """
    if not 3 <= n_groups <= len(ARCHETYPES):
        raise ValueError(f"n_groups is {n_groups}; it must be 3 to {len(ARCHETYPES)}")

    def draw(chance: np.random.Generator, n: int, days: int) -> Customers:
        groups = _planted(chance, n, n_groups)
        return _customers(chance, _around(chance, groups), groups, days)

    return draw


def _planted(chance: np.random.Generator, n: int, n_groups: int = 4) -> np.ndarray:
    share = np.linspace(4, 2, n_groups)
    names = np.array(list(ARCHETYPES), dtype=object)
    return names[chance.choice(n_groups, size=n, p=share / share.sum())]


def _around(chance: np.random.Generator, groups: np.ndarray) -> np.ndarray:
    """Return each customer's own habits, spread about the habits of the group."""
    centres = np.stack([ARCHETYPES[group] for group in groups])
    return 0.7 * centres + 0.5 * chance.standard_normal(centres.shape)


def nested_habits(chance: np.random.Generator, n: int, days: int) -> Customers:
    """Draw two coarse habits, one split in two and one in three by milder differences."""
    splits = {
        "evening": [
            habit(taste_electronics=1.6, price=0.7),
            habit(taste_sports=1.6, price=-0.5, night=0.6),
        ],
        "workday": [
            habit(taste_stationery=1.8, basket=0.6),
            habit(taste_beauty=1.8, brand_loyalty=1.2, basket=-0.4),
            habit(taste_toys=1.6, breadth=0.9, cart=0.6),
        ],
    }
    coarse_habits = {
        "evening": habit(
            evening=1.4, morning=-1.2, weekend=1.0, looks_per_visit=0.7, order=-1.0, returns=0.9, price=0.7,
            visits_per_need=0.5,
        ),
        "workday": habit(
            evening=-1.4, morning=1.2, weekend=-1.4, looks_per_visit=-0.6, order=1.2, returns=-0.9,
            price=-0.7, visits_per_need=-0.4, cart=0.7,
        ),
    }  # fmt: skip
    kinds = [(coarse, number) for coarse, fine in splits.items() for number in range(len(fine))]
    share = np.array([0.25, 0.25, 0.5 / 3, 0.5 / 3, 0.5 / 3])
    drawn = chance.choice(len(kinds), size=n, p=share)
    centres = np.stack([0.8 * coarse_habits[coarse] + splits[coarse][number] for coarse, number in kinds])
    habits = centres[drawn] + 0.35 * chance.standard_normal((n, len(HABITS)))
    coarse = np.array([coarse for coarse, _ in kinds], dtype=object)[drawn]
    groups = np.array([f"{coarse}_{number + 1}" for coarse, number in kinds], dtype=object)[drawn]
    return _customers(chance, habits, groups, days, coarse=coarse)


def one_percent(chance: np.random.Generator, n: int, days: int) -> Customers:
    """Draw three clear habits and a fourth, as clear, of one customer in a hundred."""
    names = np.array(
        ["evening_premium", "weekend_family", "bargain_hunter", "workday_supplier"], dtype=object
    )
    groups = names[chance.choice(4, size=n, p=[0.33, 0.33, 0.33, 0.01])]
    return _customers(chance, _around(chance, groups), groups, days)


def switching(days_back: int) -> Callable[[np.random.Generator, int, int], Customers]:
    """Return clear habits of which three in ten become others, so many days before the end or halfway."""

    def draw(chance: np.random.Generator, n: int, days: int) -> Customers:
        names = np.array(list(ARCHETYPES)[:4], dtype=object)
        before = _planted(chance, n)
        place = (before[:, None] == names).argmax(axis=1)
        after = names[(place + chance.integers(1, 4, size=n)) % 4]
        day = float(max(days - days_back, days // 2))
        switch_day = np.where(chance.random(n) < 0.3, day, np.inf)
        groups = np.concatenate([before, after])
        habits = _around(chance, groups)
        return _customers(chance, habits, groups, days, switch_day=switch_day)

    return draw


def with_bots(chance: np.random.Generator, n: int, days: int) -> Customers:
    """Draw four clear habits and a wave of accounts that all appear in one week and look like people.

    The wave is one customer in five. Each account visits and looks at a person's pace and never orders; their
    habits are closer to each other than those of any group.
    """
    groups = _planted(chance, n)
    habits = _around(chance, groups)
    is_bot = chance.random(n) < 0.2
    groups[is_bot] = "bot_wave"
    bot = habit(night=1.0, looks_per_visit=0.6, cart=-4, breadth=1.5, returns=-1.0, price_spread=1.0)
    habits[is_bot] = bot + 0.1 * chance.standard_normal((is_bot.sum(), len(HABITS)))
    customers = _customers(chance, habits, groups, days, is_bot=is_bot)
    # A Monday (the shop's first day is one), so that a visit that moves within its week stays in this one.
    monday = 7 * round(0.6 * days / 7)
    return replace(
        customers,
        needs_a_month=np.where(is_bot, 4.0, customers.needs_a_month),
        first_day=np.where(is_bot, monday + chance.uniform(0, 7, n), customers.first_day),
        last_day=np.where(is_bot, float(days), customers.last_day),
    )


# --- what happens to a shop


def prices_rise(events: pd.DataFrame, chance: np.random.Generator, days: int) -> pd.DataFrame:
    """Multiply every price by 1.3 from the middle on."""
    late = events["day"] >= days // 2
    return events.assign(price=np.where(late, (1.3 * events["price"]).round(2), events["price"]))


def categories_renamed(events: pd.DataFrame, chance: np.random.Generator, days: int) -> pd.DataFrame:
    """Give every category code another name from the middle on; ids of categories and products stay."""
    new = {family: f"department_{number}" for number, family in enumerate(FAMILIES, start=1)}
    late = (events["day"] >= days // 2).to_numpy()
    parts = events["category_code"].str.split(".", n=1, expand=True)
    renamed = parts[0].map(new) + "." + parts[1]
    return events.assign(category_code=events["category_code"].where(~late, renamed))


def ids_get_lost(events: pd.DataFrame, chance: np.random.Generator, days: int) -> pd.DataFrame:
    """Give three sessions in ten a user id of their own, as browsers that refuse cookies do."""
    codes, ids = pd.factorize(events["user_session"])
    lost = (chance.random(len(ids)) < 0.3)[codes]
    own_id = 700_000_000 + codes
    return events.assign(user_id=np.where(lost, own_id, events["user_id"]))


def spending_is_pareto(events: pd.DataFrame, chance: np.random.Generator, days: int) -> pd.DataFrame:
    """Multiply what a customer pays by a quantity from a Pareto distribution of exponent 1.1.

    References
    ----------
    Gabaix (2009), Power laws in economics and finance.
    """
    n = int(events["customer"].max()) + 1
    quantity = np.minimum(np.floor(chance.random(n) ** (-1 / 1.1)), 5000)
    bought = events["event_type"] == "purchase"
    paid = events["price"] * quantity[events["customer"]]
    return events.assign(price=np.where(bought, paid.round(2), events["price"]))


def _truth(events: pd.DataFrame, customers: Customers, start: pd.Timestamp) -> pd.DataFrame:
    """Return one row per user id that has events."""
    known = events.drop_duplicates("user_id").sort_values("user_id", ignore_index=True)
    own = known["customer"].to_numpy()
    switched = np.isfinite(customers.switch_day[own])
    after = customers.groups[own + len(customers.groups) - len(customers)]
    moment = start + pd.to_timedelta(np.where(switched, customers.switch_day[own], 0), unit="D")
    return pd.DataFrame(
        {
            "user_id": known["user_id"],
            "person": own,
            "group": customers.groups[own],
            "coarse": customers.coarse[own],
            "group_after": np.where(switched, after, None),
            "switch_at": pd.Series(moment).where(switched),
            "is_bot": customers.is_bot[own],
        }
    )


_CLEAR = clear_habits(4)
_AS_CLEAR = "proven personas, adjusted Rand index of .65 and more"

SHOPS: dict[str, Shop] = {
    "no_groups": Shop(
        "One round cloud of habits: each normal, none tied to another.",
        "no_groups: tiers in words, no persona, whatever the seed.",
        no_groups,
    ),
    "long_axis": Shop(
        "One cloud with a long axis: a normal eagerness drives the rate of needs, looks, carts and orders.",
        "no_groups: more or less eager is a value tier, not a persona.",
        long_axis,
    ),
    "clear_habits": Shop(
        "Four planted habits that differ in families, price, hours, weekdays, breadth and funnel.",
        "proven personas, adjusted Rand index of .65 and more, from 90 to 400 days of history.",
        _CLEAR,
    ),
    "six_habits": Shop("Six planted habits, all that there are.", _AS_CLEAR, clear_habits(6), users=5000),
    "nested_habits": Shop(
        "Two coarse habits, one split in two and the other in three.",
        "two personas, or five: either agrees with the truth at its level, none cuts across it.",
        nested_habits,
    ),
    "one_percent": Shop(
        "Three clear habits and a fourth of one customer in a hundred.",
        "three personas; the fourth is too small for one and does not spoil them.",
        one_percent,
        users=5000,
    ),
    "christmas": Shop(
        "Four clear habits; in the last thirty days twice the needs, half of them presents.",
        "the planted habits and no persona of December.",
        _CLEAR,
        christmas=True,
    ),
    "human_bots": Shop(
        "Four clear habits and a fifth of accounts that first came in one week and never order.",
        "the planted habits; the wave is set apart and named as a cohort of one week.",
        with_bots,
    ),
    "prices_rise": Shop(
        "Clear habits; prices times 1.3 from the middle on.", _AS_CLEAR, _CLEAR, (prices_rise,)
    ),
    "categories_renamed": Shop(
        "Clear habits; every category has another name from the middle on.",
        _AS_CLEAR,
        _CLEAR,
        (categories_renamed,),
    ),
    "lost_ids": Shop(
        "Clear habits; three sessions in ten carry a user id of their own.",
        "the planted habits among those whose ids last; single sessions have too few events for a persona.",
        _CLEAR,
        (ids_get_lost,),
    ),
    "pareto_spending": Shop(
        "Clear habits; what a customer pays is multiplied by a Pareto quantity of exponent 1.1.",
        _AS_CLEAR + "; no persona of a few big spenders.",
        _CLEAR,
        (spending_is_pareto,),
    ),
    "few_users": Shop(
        "Clear habits, 300 customers.",
        "exploratory or proven groups; no claim that the size cannot bear.",
        _CLEAR,
        users=300,
    ),
    "sixty_days": Shop("Clear habits, sixty days.", "not proven: no later month to tell.", _CLEAR, days=60),
    "long_history": Shop("Clear habits, four hundred days.", _AS_CLEAR, _CLEAR, days=400, users=3000),
    "switching": Shop(
        "Four clear habits; three in ten take up another one at a known day.",
        "most of those who changed carry the new persona after 75 days.",
        switching(75),
        days=200,
    ),
    "switching_lately": Shop(
        "Four clear habits; three in ten take up another one 35 days before the end.",
        "half of those who changed carry the new persona or are told to change, few others are.",
        switching(35),
        users=3000,
    ),
    "orders_only": Shop(
        "Four clear habits of a wholesaler: orders of several lines, nothing else is logged.",
        "groups from families, hours, weekdays, prices and breadth; no feature of views, carts or removals.",
        _CLEAR,
        orders_only=True,
        days=300,
    ),
    "third": Shop(
        "Three clear habits in another currency (times 130, no cents), nine hours east of UTC.",
        _AS_CLEAR + ": no threshold is in money or hours of one shop.",
        clear_habits(3),
        currency=130.0,
        start=date(2016, 9, 12),
        utc_offset_hours=9,
    ),
}
