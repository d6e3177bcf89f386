"""Response curves of segments and channels: elasticities, shrunk to their channel, with their uncertainty."""

from __future__ import annotations

import numpy as np
import pandas as pd

MIN_WEEKS = 8
MIN_SPREAD = 0.3
# An elasticity above 1 is the steep part of an S-curve; nothing is learnt of one beyond this, nor below 0.
MAX_ELASTICITY = 1.5
RECENT_WEEKS = 13
N_DRAWS = 200
# Fewer cells in a week say nothing of the week itself.
_MIN_CELLS = 4
_KEYS = ["segment", "channel"]


def weekly(spend: pd.DataFrame) -> pd.DataFrame:
    """Return spend and outcome of each segment, channel and week (its Monday), every week of a cell once.

    Parameters
    ----------
    spend : DataFrame
        ``segment``, ``channel``, ``week`` (any day of it), ``spend`` and ``outcome``; as declared.

    Examples
    --------
    >>> own = pd.DataFrame({"segment": "a", "channel": "mail", "week": ["2020-01-01", "2020-01-03"],
    ...                     "spend": [1.0, 2.0], "outcome": [5.0, 6.0]})
    >>> weekly(own)[["spend", "outcome"]].values.tolist()
    [[3.0, 11.0]]
    """
    day = pd.to_datetime(spend["week"])
    table = spend.assign(week=day - pd.to_timedelta(day.dt.day_of_week, unit="D"))
    for name in ("spend", "outcome"):
        table[name] = table[name].astype(float)
    return table.groupby([*_KEYS, "week"], as_index=False)[["spend", "outcome"]].sum()


def refusal(own: pd.DataFrame) -> str:
    """Say why a cell has no curve, or nothing.

    Parameters
    ----------
    own : DataFrame
        Rows of `weekly` of one segment and channel.

    Examples
    --------
    >>> refusal(pd.DataFrame({"spend": [100.0, 110.0] * 4, "outcome": 5.0}))
    'Spend moved by 10 % of its mean: 30 % are needed to see what it does.'
    """
    used = own[(own["spend"] > 0) & (own["outcome"] > 0)]
    if len(used) < MIN_WEEKS:
        return f"{MIN_WEEKS} weeks with spend and outcome are needed; there are {len(used)}."
    spread = (used["spend"].max() - used["spend"].min()) / used["spend"].mean()
    if spread < MIN_SPREAD:
        return (
            f"Spend moved by {100 * spread:.0f} % of its mean: {100 * MIN_SPREAD:.0f} % are needed to see "
            "what it does."
        )
    return ""


def curves(spend: pd.DataFrame) -> pd.DataFrame:
    """Learn what spend does in each segment and channel.

    An elasticity is the slope of ln(outcome) on ln(spend) within the cell; what a week did to all cells is
    taken out of both. Slopes are shrunk to the mean of their channel, and that to the mean of all, as far as
    they do not differ by more than chance.

    Parameters
    ----------
    spend : DataFrame
        As for `weekly`.

    Returns
    -------
    DataFrame
        One row per segment and channel: ``spend_before`` and ``outcome_before`` (means of a week of the last
        13), ``n_weeks``, ``reason`` (why there is no curve), ``slope``, ``slope_error``, ``elasticity`` (the
        shrunk slope), ``elasticity_error``, ``outcome_error`` (of ``outcome_before``, as a share of it).

    References
    ----------
    DerSimonian and Laird (1986), Meta-analysis in clinical trials (variance between cells).
    Jin, Wang, Sun, Chan and Koehler (2017), Bayesian methods for media mix modeling with carryover and shape
    effects.
    """
    table = weekly(spend).sort_values([*_KEYS, "week"], ignore_index=True)
    if table.empty:
        return pd.DataFrame()
    last = table["week"].max() - pd.Timedelta(weeks=RECENT_WEEKS)
    n_weeks = min(RECENT_WEEKS, int((table["week"].max() - table["week"].min()).days // 7) + 1)
    logs = _within(table[(table["spend"] > 0) & (table["outcome"] > 0)])
    by_cell = dict(iter(logs.groupby(_KEYS)))
    rows = []
    for (segment, channel), own in table.groupby(_KEYS):
        recent = own[own["week"] > last]
        row = {
            "segment": segment,
            "channel": channel,
            "spend_before": recent["spend"].sum() / n_weeks,
            "outcome_before": recent["outcome"].sum() / n_weeks,
            "n_weeks": len(own),
            "reason": refusal(own),
        }
        if not row["reason"] and not (row["spend_before"] > 0 and row["outcome_before"] > 0):
            row["reason"] = f"Nothing was spent, or came of it, in the last {RECENT_WEEKS} weeks."
        if not row["reason"]:
            row |= _slope(by_cell[(segment, channel)])
        rows.append(row)
    found = pd.DataFrame(rows).reindex(
        columns=[*rows[0], "slope", "slope_error", "outcome_error"]
        if "slope" not in rows[0]
        else list(rows[0])
    )
    return _shrunk(found)


def draws(found: pd.DataFrame, n_draws: int = N_DRAWS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw elasticities and levels from what is known of them.

    Parameters
    ----------
    found : DataFrame
        Rows of `curves` with a curve.
    n_draws, seed : int

    Returns
    -------
    tuple of ndarray, each of shape (n_draws, n_cells)
        Elasticities within 0 and `MAX_ELASTICITY`, and outcomes of a week at ``spend_before``.
    """
    generator = np.random.default_rng([seed, 31])
    noise = generator.normal(size=(2, n_draws, len(found)))
    elasticity = found["elasticity"].to_numpy() + noise[0] * found["elasticity_error"].to_numpy()
    level = found["outcome_before"].to_numpy() * np.exp(noise[1] * found["outcome_error"].to_numpy())
    return np.clip(elasticity, 0, MAX_ELASTICITY), level


def _within(used: pd.DataFrame) -> pd.DataFrame:
    """Return logarithms less the mean of the cell, and less that of the week where it has enough cells."""
    logs = used.assign(x=np.log(used["spend"]), y=np.log(used["outcome"]))
    n_cells = logs.groupby("week")["x"].transform("size")
    for _ in range(20):
        for name in ("x", "y"):
            logs[name] -= logs.groupby(_KEYS)[name].transform("mean")
            week = logs.groupby("week")[name].transform("mean")
            logs[name] -= week.where(n_cells >= _MIN_CELLS, 0.0)
    return logs


def _slope(logs: pd.DataFrame) -> dict[str, float]:
    x, y = logs["x"].to_numpy(), logs["y"].to_numpy()
    squares = float((x**2).sum())
    slope = float((x * y).sum() / squares)
    variance = float(((y - slope * x) ** 2).sum() / max(len(x) - 2, 1))
    return {
        "slope": slope,
        "slope_error": float(np.sqrt(variance / squares)),
        "outcome_error": float(np.sqrt(variance / min(len(x), RECENT_WEEKS))),
    }


def _shrunk(found: pd.DataFrame) -> pd.DataFrame:
    """Add ``elasticity`` and ``elasticity_error``: slopes, shrunk to channels, and channels to all."""
    found = found.assign(elasticity=np.nan, elasticity_error=np.nan)
    known = found["reason"] == ""
    if not known.any():
        return found
    own = found[known]
    whole, whole_error, _ = _pooled(own["slope"].to_numpy(), own["slope_error"].to_numpy())
    by_channel = {
        channel: _pooled(cells["slope"].to_numpy(), cells["slope_error"].to_numpy())
        for channel, cells in own.groupby("channel")
    }
    means = np.array([one[0] for one in by_channel.values()])
    errors = np.array([one[1] for one in by_channel.values()])
    between = _between(means, errors) if len(means) > 1 else 0.0
    spread = np.median([one[2] for one in by_channel.values()])
    for channel, (mean, error, _) in by_channel.items():
        centre, centre_error = _posterior(mean, error, whole, between + whole_error**2)
        cells = own.index[own["channel"] == channel]
        for place in cells:
            slope, slope_error = own.loc[place, ["slope", "slope_error"]]
            shrunk = _posterior(slope, slope_error, centre, spread + centre_error**2)
            found.loc[place, ["elasticity", "elasticity_error"]] = shrunk
    return found


def _pooled(values: np.ndarray, errors: np.ndarray) -> tuple[float, float, float]:
    """Return mean, its error, and the variance between the values."""
    between = _between(values, errors)
    weight = 1 / (errors**2 + between + 1e-9)
    return float((weight * values).sum() / weight.sum()), float(np.sqrt(1 / weight.sum())), between


def _between(values: np.ndarray, errors: np.ndarray) -> float:
    weight = 1 / (errors**2 + 1e-9)
    mean = (weight * values).sum() / weight.sum()
    scatter = (weight * (values - mean) ** 2).sum() - (len(values) - 1)
    scale = weight.sum() - (weight**2).sum() / weight.sum()
    return float(max(scatter / scale, 0.0)) if scale > 0 else 0.0


def _posterior(value: float, error: float, prior: float, variance: float) -> tuple[float, float]:
    share = variance / (variance + error**2) if variance + error**2 > 0 else 0.0
    return share * value + (1 - share) * prior, float(np.sqrt(share) * error)
