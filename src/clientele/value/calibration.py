"""What came of the forecasts of earlier days: deciles, and how well orders were told from none."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from clientele.learning import metrics
from clientele.learning.resampling import bootstrap_weights
from clientele.value.model import ValueModel

N_BOOTSTRAPS, N_AT_ONCE = 200, 20
N_DECILES = 10


def rolling_calibration(
    sample: pd.DataFrame, seed: int = 0
) -> tuple[pd.DataFrame, tuple[float, float] | None]:
    """Fit at each earlier origin on what was known by then, and compare the 30 days that followed.

    Parameters
    ----------
    sample : DataFrame, one row per customer and origin
        ``user_sk``, ``days_back`` (of the origin, before the moment of the build), the columns
        `clientele.value.model.STATISTICS` as of the origin, and ``orders_after``: orders in the 30 days
        after it, for origins before the moment of the build.
    seed : int
        Of the bootstrap.

    Returns
    -------
    table : DataFrame
        ``days_back``, ``measure`` (auc, orders, decile or refused), ``decile`` (from 1, the lowest),
        ``actual``, ``expected``, ``ci_lo`` and ``ci_hi`` (95 %), ``n_users``, ``reason`` (of a refusal).
    forecast : (float, float) or None
        Orders expected at the newest origin, with level 1, and those that came; None where no origin had
        enough history.

    References
    ----------
    Hanley and MacGibbon (2006), Creating non-parametric bootstrap samples using Poisson frequencies.
    """
    rows: list[dict[str, object]] = []
    forecast = None
    origins = sorted((int(days) for days in sample["days_back"].unique() if days > 0), reverse=True)
    for days_back in origins:
        known = sample[sample["days_back"] == days_back].sort_values("user_sk")
        about = {"days_back": days_back, "n_users": len(known)}
        if sentence := ValueModel.refusal(known):
            rows.append(about | {"measure": "refused", "reason": sentence})
            continue
        model = ValueModel().fit(known, forecast)
        expected = model.predict(known)["expected_orders_30d"].to_numpy()
        actual = known["orders_after"].to_numpy(float)
        rows += [about | row for row in _measures(expected, actual, seed)]
        forecast = float(expected.sum() / model.level_), float(actual.sum())
    columns = ["days_back", "measure", "decile", "actual", "expected", "ci_lo", "ci_hi", "n_users", "reason"]
    return pd.DataFrame(rows, columns=columns), forecast


def _measures(expected: np.ndarray, actual: np.ndarray, seed: int) -> Iterator[dict[str, object]]:
    """Yield rows of one origin: the AUC of an order, all orders, and each decile of what was expected."""
    ordered = (actual > 0).astype(float)
    auc, drawn = _auc(ordered, expected, seed)
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
    yield {"measure": "auc", "actual": auc, "ci_lo": low, "ci_hi": high}
    yield {"measure": "orders", "actual": actual.sum(), "expected": expected.sum()}
    for decile, members in enumerate(np.array_split(np.argsort(expected, kind="stable"), N_DECILES), start=1):
        mean, spread = actual[members].mean(), 1.96 * actual[members].std() / np.sqrt(len(members))
        yield {
            "measure": "decile",
            "decile": decile,
            "actual": mean,
            "expected": expected[members].mean(),
            "ci_lo": max(mean - spread, 0),
            "ci_hi": mean + spread,
            "n_users": len(members),
        }


def _auc(ordered: np.ndarray, expected: np.ndarray, seed: int) -> tuple[float, np.ndarray]:
    """Return the AUC, and those of the bootstrap where both outcomes were drawn; a few draws at a time."""
    everybody = np.ones((1, len(ordered)))
    auc = float(metrics.auc(ordered, expected, everybody)[0])
    drawn = [
        metrics.auc(ordered, expected, bootstrap_weights(len(ordered), N_AT_ONCE, seed + block)[1:])
        for block in range(N_BOOTSTRAPS // N_AT_ONCE)
    ]
    found = np.concatenate(drawn)
    return auc, found[np.isfinite(found)]
