"""Every feature worked out again by pandas from what user_features.yml says of it, without the project's SQL.

    python tests/customers/recompute.py warehouse/warehouse.duckdb

says for each share how much of its feature's variance the logarithm of the number of trials explains: what a
feature measures of how much there is of a customer, and not of the habit; with the constants that are the
fallback now, and with the shop's priors.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import yaml

LIST = Path(__file__).resolve().parents[2] / "models/customers/user_features.yml"
SEASONS = {"promo": "promo_lift_logit", "payday": "payday_logit", "gift": "gift_season_logit"}
TABLES = (
    "events",
    "user_sessions",
    "user_feature_values",
    "product_taxonomy",
    "calendar",
    "shop_priors",
    "feature_priors",
)


def read(warehouse: Path) -> dict[str, pd.DataFrame]:
    """Return the tables that features are made of, and the features, from the file of a warehouse.

    Parameters
    ----------
    warehouse : Path
        A built `warehouse.duckdb`.

    Returns
    -------
    dict of DataFrame
        By name.

    Raises
    ------
    duckdb.CatalogException
        A table is not there: the warehouse has not been built up to the features.
    """
    with duckdb.connect(warehouse, read_only=True) as connection:
        return {name: connection.sql(f"select * from core.{name}").df() for name in TABLES}


def user_sums(
    tables: dict[str, pd.DataFrame], window_days: int = 90, offset_hours: float = 0
) -> pd.DataFrame:
    """Return what each user's window holds, one row per user_sk: counts and sums.

    Parameters
    ----------
    tables : dict of DataFrame
        As from `read`: events, user_sessions, product_taxonomy, calendar.
    window_days : int
        How far the window looks back from the user's last event.
    offset_hours : float
        The shop's local time less UTC.

    Returns
    -------
    DataFrame, one row per user
        Index user_sk.
    """
    sessions = tables["user_sessions"]
    bots = sessions.loc[sessions.is_bot, ["user_sk", "session_sk"]].drop_duplicates()
    sessions = sessions[~sessions.is_bot]
    starts_after = sessions.groupby("user_sk").ended_at.max() - pd.Timedelta(days=window_days)
    sessions = sessions[sessions.started_at > sessions.user_sk.map(starts_after)]
    sessions = sessions.sort_values(["user_sk", "started_at", "session_sk", "session_part"])
    sums = _of_sessions(sessions, tables["calendar"], pd.Timedelta(hours=offset_hours))

    events = tables["events"].merge(bots, on=["user_sk", "session_sk"], how="left", indicator="seen")
    events = events[events.seen == "left_only"]
    events = events[events.user_sk.isin(starts_after.index)]
    events = events[events.event_at > events.user_sk.map(starts_after)]
    traits = ["product_id", "category_family", "family_rank", "brand", "price_z", "price_tier"]
    events = events[["user_sk", "product_id", "event_at", "event_type"]].merge(
        tables["product_taxonomy"][traits], on="product_id"
    )
    found = sums.join(_of_events(events))
    return found.fillna(dict.fromkeys(found.columns.difference(["gap_deviation", "mean_bought_z"]), 0))


def _of_sessions(sessions: pd.DataFrame, calendar: pd.DataFrame, offset: pd.Timedelta) -> pd.DataFrame:
    local = sessions.started_at + offset
    hour, day = local.dt.hour, local.dt.normalize()
    marks = calendar.assign(day=pd.to_datetime(calendar.calendar_date)).set_index("day").sort_index()
    flags = {
        "n_sessions": 1,
        "n_one_event_sessions": sessions.n_events == 1,
        "n_ordering_sessions": sessions.n_purchases > 0,
        "n_cart_sessions": sessions.n_carts > 0,
        "n_abandoned_sessions": (sessions.n_carts > 0) & (sessions.n_purchases == 0),
        "n_weekend_sessions": day.dt.day_of_week >= 5,
        "n_evening_sessions": hour.isin([18, 19, 20, 21, 22]),
        "n_morning_sessions": hour.isin([6, 7, 8, 9, 10]),
        "n_night_sessions": hour.isin([23, 0, 1, 2, 3, 4, 5]),
        "sum_ln_seconds": np.log1p(sessions.duration_seconds),
        "revenue": sessions.revenue.astype(float),
        "n_session_products": sessions.n_products,
        **{f"n_{season}_sessions": day.map(marks[f"is_{season}"]) for season in SEASONS},
        **{name: sessions[name] for name in ("n_events", "n_views", "n_carts", "n_removes", "n_purchases")},
    }
    counted = sessions[["user_sk"]].assign(**{name: flag * 1.0 for name, flag in flags.items()})
    sums = counted.groupby("user_sk").sum()
    sums["n_active_days"] = sessions.is_first_of_day.groupby(sessions.user_sk).sum()
    gaps = sessions.groupby("user_sk").started_at.diff().dt.total_seconds() / 86400
    # of sessions that begin in the same second only the first is the window's first
    first = sessions.groupby("user_sk").started_at.transform("min")
    gaps = gaps[sessions.started_at > first].groupby(sessions.user_sk)
    sums["n_gaps"], sums["sum_gaps"] = gaps.count(), gaps.sum()
    sums["gap_deviation"] = gaps.std(ddof=0)
    begin, end = day.groupby(sessions.user_sk).min(), day.groupby(sessions.user_sk).max()
    sums["n_days"] = (end - begin).dt.days + 1.0
    for season in SEASONS:
        so_far = marks[f"is_{season}"].cumsum()
        sums[f"n_{season}_days"] = end.map(so_far) - begin.map(so_far) + begin.map(marks[f"is_{season}"])
    return sums


def _of_events(events: pd.DataFrame) -> pd.DataFrame:
    users = events.groupby("user_sk")
    bought = events[events.event_type == "purchase"]
    viewed = events[events.event_type == "view"]
    branded = events[events.brand.notna()]
    sums = users.size().astype(float).rename("n_product_events").to_frame()
    sums["n_product_purchases"] = bought.groupby("user_sk").size()
    sums["mean_z"] = users.price_z.mean()
    sums["sum_z"] = users.price_z.sum()
    sums["squared_deviations"] = users.price_z.var(ddof=0) * sums.n_product_events
    sums["mean_bought_z"] = bought.groupby("user_sk").price_z.mean()
    sums["n_premium_events"] = (events.price_tier == "premium").groupby(events.user_sk).sum()
    sums["n_unbranded_events"] = events.brand.isna().groupby(events.user_sk).sum()
    sums["n_viewed_products"] = viewed.groupby("user_sk").product_id.nunique()
    first = pd.DataFrame(
        {
            "viewed": viewed.groupby(["user_sk", "product_id"]).event_at.min(),
            "bought": bought.groupby(["user_sk", "product_id"]).event_at.min(),
        }
    ).dropna()
    seconds = (first.bought - first.viewed).dt.total_seconds()
    latency = np.log1p(seconds[seconds >= 0]).groupby("user_sk")
    sums["n_latencies"], sums["sum_ln_latency"] = latency.count(), latency.sum()
    families = events.groupby(["user_sk", "category_family"]).size()
    sums["n_top_family_events"] = families.groupby("user_sk").max()
    sums["squared_family_events"] = (families**2).groupby("user_sk").sum()
    brands = branded.groupby(["user_sk", "brand"]).size().groupby("user_sk")
    sums["n_top_brand_events"], sums["n_branded_events"] = brands.max(), brands.sum()
    for rank in range(1, 6):
        sums[f"n_family_{rank}_events"] = (events.family_rank == rank).groupby(events.user_sk).sum()
    return sums


def shares(sums: pd.DataFrame) -> dict[str, tuple[pd.Series, pd.Series]]:
    """Return for each share how often, and out of how many times, by user.

    Parameters
    ----------
    sums : DataFrame
        As from `user_sums`.

    Returns
    -------
    dict of (Series, Series)
        By the name that core.feature_priors gives the share.
    """

    def further(counted: pd.Series) -> pd.Series:
        return (counted - 1).clip(lower=0)

    again = sums.n_views - sums.n_viewed_products.clip(lower=1)
    found = {
        "cart_rate": (sums.n_carts, sums.n_events),
        "purchase_rate": (sums.n_purchases, sums.n_events),
        "abandoned_carts": (sums.n_abandoned_sessions, sums.n_cart_sessions),
        "removes": (sums.n_removes, sums.n_removes + sums.n_carts),
        "top_brand": (further(sums.n_top_brand_events), further(sums.n_branded_events)),
        "top_category": (further(sums.n_top_family_events), further(sums.n_product_events)),
        "reviewed_products": (again.clip(lower=0), further(sums.n_views)),
    }
    for share, counted in {
        "premium_share": "n_premium_events",
        "unbranded": "n_unbranded_events",
        **{f"family_{rank}": f"n_family_{rank}_events" for rank in range(1, 6)},
    }.items():
        found[share] = (sums[counted], sums.n_product_events)
    for share in ("one_event", "ordering", "weekend", "evening", "morning", "night"):
        name = f"{share}_sessions" if share in ("one_event", "ordering") else share
        found[name] = (sums[f"n_{share}_sessions"], sums.n_sessions)
    return found


def features(sums: pd.DataFrame, shop_priors: pd.DataFrame, feature_priors: pd.DataFrame) -> pd.DataFrame:
    """Return every feature, one row per user.

    Parameters
    ----------
    sums : DataFrame
        As from `user_sums`.
    shop_priors : DataFrame of one row
        core.shop_priors.
    feature_priors : DataFrame, one row per share
        core.feature_priors.

    Returns
    -------
    DataFrame
        Index as of `sums`, a column per feature.
    """
    shop = shop_priors.iloc[0]
    events, sessions, days = sums.n_product_events, sums.n_sessions, sums.n_days
    found = {
        "sessions_per_week_ln": np.log(sessions / (days / 7).clip(lower=1)),
        "events_per_session_ln": np.log(sums.n_events / sessions),
        "session_seconds_ln": sums.sum_ln_seconds / sessions,
        "session_gap_days_ln": np.log((sums.sum_gaps + 7) / (sums.n_gaps + 1)),
        "active_day_share": (sums.n_active_days + 1) / (days + 7),
        "items_per_order_ln": np.log(
            (sums.n_purchases + 2 * shop.items_per_order) / (sums.n_ordering_sessions + 2)
        ),
        "view_to_purchase_ln": (sums.sum_ln_latency + 2 * shop.mean_ln_latency) / (sums.n_latencies + 2),
        "price_level_z": sums.sum_z / (events + 2),
        "price_spread_z": np.sqrt((sums.squared_deviations + 1) / (events + 2)),
        "order_value_ln": np.log(
            (sums.revenue + 2 * max(shop.order_value, 0.01)) / (sums.n_ordering_sessions + 2)
        ),
        "products_per_session_ln": np.log(sums.n_session_products / sessions),
    }
    varied = (sums.n_gaps > 1) & (sums.sum_gaps > 0)
    variation = (sums.gap_deviation * sums.n_gaps / sums.sum_gaps).where(varied, 1.0)
    found["session_gap_cv"] = (sums.n_gaps * variation + 2) / (sums.n_gaps + 2)
    weight = sums.n_product_purchases / (sums.n_product_purchases + 2)
    found["bought_minus_viewed_z"] = ((sums.mean_bought_z - sums.mean_z) * weight).fillna(0)
    pairs = (events**2 - sums.squared_family_events) / (events * (events - 1)).where(events > 1)
    found["category_diversity"] = (events * pairs.where(events > 1, 0.5) + 1) / (events + 2)
    for season, name in SEASONS.items():
        on, of = sums[f"n_{season}_sessions"], sums[f"n_{season}_days"]
        q = (of + 1) / (days + 2)
        lift = np.log((on + 2 * q) / (sessions - on + 2 - 2 * q)) - np.log((of + 1) / (days - of + 1))
        found[name] = lift.where((of > 0) & (of < days), 0.0)
    priors = feature_priors.set_index("share_name")
    for share, (x, n) in shares(sums).items():
        p, m = priors.loc[share, ["prior_rate", "prior_strength"]].astype(float)
        unknown = ((x == 0) & (p <= 0.001)) | ((x == n) & (p >= 0.999))
        logit = np.log((x + p * m) / (n - x + (1 - p) * m))
        found[f"{share}_logit"] = logit.where(~unknown, np.log(p / (1 - p)))
    return pd.DataFrame(found)


def prior(hits: pd.Series, trials: pd.Series) -> tuple[float, float]:
    """Return rate and strength of a share by moments of the beta-binomial.

    Parameters
    ----------
    hits, trials : Series, one value per user
        At least fifty users with a trial.

    Returns
    -------
    rate, strength : float
        Strength is NaN when nobody has a second trial.

    References
    ----------
    Kleinman (1973), Proportions with extraneous variance: single and independent samples.
    """
    hits, trials = hits[trials > 0], trials[trials > 0]
    k, s1 = len(trials), trials.sum()
    raw = hits.sum() / s1
    rate = min(max(raw, 0.001), 0.999)
    between = (trials * (hits / trials - raw) ** 2).sum() / (rate * (1 - rate))
    room = s1 - (trials**2).sum() / s1 - (k - 1)
    if room <= 0:
        return rate, float("nan")
    return rate, 1 / min(max((between - (k - 1)) / room, 0.01), 0.5) - 1


def fallbacks() -> pd.DataFrame:
    """Return the fallback of each share as rows of core.feature_priors, from the docs of its feature."""
    listed = yaml.safe_load(LIST.read_text(encoding="utf-8"))["models"][0]["columns"]
    pattern = re.compile(r"L\((\w+)\).*fallback a = ([\d.]+), b = ([\d.]+)", re.DOTALL)
    found = [match for column in listed if (match := pattern.search(column["description"]))]
    constants = [
        (share, float(a), float(b.rstrip("."))) for share, a, b in (match.groups() for match in found)
    ]
    rows = [(share, a / (a + b), a + b) for share, a, b in constants]
    return pd.DataFrame(rows, columns=["share_name", "prior_rate", "prior_strength"])


def explained_by_trials(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return how much of each share's feature the number of trials explains.

    Parameters
    ----------
    tables : dict of DataFrame
        As from `read`, of a warehouse with the default settings.

    Returns
    -------
    DataFrame, one row per share
        Squared correlation with ln(trials) over users with a trial, and with ln(1 + trials) over all: with
        constants for all shops, and with the shop's priors.
    """
    sums = user_sums(tables)
    found = {}
    for prior_name, priors in {"constants": fallbacks(), "shop": tables["feature_priors"]}.items():
        values = features(sums, tables["shop_priors"], priors)
        for share, (_, trials) in shares(sums).items():
            feature, tried = values[f"{share}_logit"], trials > 0
            for whom, one, other in (
                ("with a trial", feature[tried], np.log(trials[tried])),
                ("all", feature, np.log1p(trials)),
            ):
                varies = one.std() > 1e-9
                found[(f"{whom}, {prior_name}", share)] = one.corr(other) ** 2 if varies else 0.0
    return pd.Series(found).unstack(0)


def main() -> None:
    """Print the table, in per cent, for the warehouse named on the command line."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    table = explained_by_trials(read(Path(sys.argv[1])))
    table.loc["mean"] = table.mean()
    print((100 * table).round(1).to_string())


if __name__ == "__main__":
    main()
