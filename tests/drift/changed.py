"""What happens to a shop, done to its event files: each function returns other events from a moment on."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

PRODUCT = ["product_id", "category_id", "category_code", "brand", "price"]
TIME = "%Y-%m-%d %H:%M:%S UTC"


def read(content: bytes) -> pd.DataFrame:
    """Return the lines of an event file, all text, with `at`, the moment."""
    events = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    return events.assign(at=pd.to_datetime(events["event_time"], format=TIME))


def written(events: pd.DataFrame) -> bytes:
    """Return an event file, in the order of the moments."""
    ordered = events.sort_values("at", kind="stable")
    ordered = ordered.assign(event_time=ordered["at"].dt.strftime(TIME)).drop(columns="at")
    return ordered.to_csv(index=False, lineterminator="\n").encode()


def _customers(events: pd.DataFrame, rng: np.random.Generator, share: float) -> pd.Series:
    """Say of each event whether it is of a customer of a random share."""
    users = events["user_id"].unique()
    return events["user_id"].isin(users[rng.random(len(users)) < share])


def dearer(events: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return events.assign(price=(events["price"].astype(float) * 1.3).map("{:.2f}".format))


def other_categories(events: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """A fifth of the products changes places in the tree of categories."""
    products = events.drop_duplicates("product_id").set_index("product_id")[["category_id", "category_code"]]
    moved = products[rng.random(len(products)) < 0.2]
    products.loc[moved.index] = np.roll(moved.to_numpy(), len(moved) // 2, axis=0)
    return events.assign(**{name: events["product_id"].map(products[name]) for name in products})


def with_bots(events: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """One customer in eight more, who reads much at night and buys nothing, like no bot that a rule finds."""
    parts = [events]
    for week, of_week in events.groupby(events["at"].dt.to_period("W").dt.start_time):
        n_bots = of_week["user_id"].nunique() // 8
        n_days = int((of_week["at"].max() - week).days) + 1
        nights = [(bot, night) for bot in range(n_bots) for night in rng.permutation(n_days)[:5]]
        sizes = rng.integers(12, 22, len(nights))
        read = of_week.sample(int(sizes.sum()), replace=True, random_state=rng).assign(event_type="view")
        visit = np.repeat(np.arange(len(nights)), sizes)
        bot, night = np.array(nights).T
        starts = night * 86_400 + rng.integers(3_600, 14_000, len(nights))
        seconds = starts[visit] + np.concatenate([np.cumsum(rng.integers(20, 140, n)) for n in sizes])
        number = 990_000_000 + week.day_of_year * 100_000
        read["at"] = week + pd.to_timedelta(seconds, unit="s")
        read["user_id"] = (number + bot[visit]).astype(str)
        read["user_session"] = [f"{number + one:08d}-0000-4000-8000-000000000000" for one in visit]
        parts.append(read)
    return pd.concat(parts)


def other_customers(events: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Two customers in five stay away, and as many newcomers do what they would have done."""
    is_new = _customers(events, rng, 0.4)
    return events.assign(user_id=events["user_id"].mask(is_new, "97" + events["user_id"]))


def flipped(events: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Who comes often no longer buys, and as many of those who came once do."""
    week = events["at"].dt.to_period("W").rename("week")
    visits = events.groupby([events["user_id"], week])["user_session"].transform("nunique")
    is_order = events["event_type"] == "purchase"
    is_often = visits > 1
    of_often = is_order & is_often
    n_buyers = events[of_often].groupby(["user_id", week[of_often]]).ngroups
    has_bought = is_order.groupby([events["user_id"], week]).transform("any")
    is_view = events["event_type"] == "view"
    last = events[~is_often & ~has_bought & is_view].groupby(["user_id", week]).tail(1)
    bought = last.sample(min(n_buyers, len(last)), random_state=rng)
    bought = bought.assign(event_type="purchase", at=bought["at"] + pd.Timedelta(seconds=50))
    return pd.concat([events[~of_often], bought])


def without_a_day(events: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The third day is missing."""
    return events[events["at"].dt.normalize() != events["at"].min().normalize() + pd.Timedelta(days=2)]


def gifts(events: pd.DataFrame, rng: np.random.Generator, family: str) -> pd.DataFrame:
    """Half of the customers look at products of one family."""
    of_family = events[events["category_code"].str.startswith(family)]
    is_gift = _customers(events, rng, 0.5)
    chosen = of_family[PRODUCT].sample(int(is_gift.sum()), replace=True, random_state=rng)
    changed = events.copy()
    changed.loc[is_gift, PRODUCT] = chosen.to_numpy()
    return changed
