"""How a budget may be moved between segments and channels, within half of what is spent."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, brentq, milp

from clientele.budget.curves import curves, draws

# As before, the same sum moved, a tenth less and a tenth more of it.
SCENARIOS: Mapping[str, float] = {"as_before": 1.0, "same_sum": 1.0, "tenth_less": 0.9, "tenth_more": 1.1}
REACH = 0.5
LEVEL = 0.8
# A move is made where this share of what may be true gains by it.
SURE = 0.8
_N_STEPS = 40
SCENARIO, REFUSED = "scenario", "refused"


def response(share: np.ndarray, elasticity: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Return what comes of `share` times the spend of before: level · share^elasticity.

    Examples
    --------
    >>> response(np.array([1.0, 4.0]), np.array([0.5, 0.5]), np.array([10.0, 10.0])).tolist()
    [10.0, 20.0]
    """
    return level * np.power(share, elasticity)


def allocate(spend_before: np.ndarray, elasticity: np.ndarray, level: np.ndarray, total: float) -> np.ndarray:
    """Spread a sum so that most comes of it on average over the draws, each cell within `REACH` of before.

    Where all curves bend down, the marginal return is the same in every cell that is not at a bound, and
    bisection finds it (Lagrange). Where one bends up, steps are chosen by an integer programme (HiGHS).

    Parameters
    ----------
    spend_before : ndarray, shape (n_cells,)
        Above 0.
    elasticity, level : ndarray, shape (n_draws, n_cells)
    total : float
        Clipped to what the bounds allow.

    Returns
    -------
    ndarray, shape (n_cells,)

    References
    ----------
    Huangfu and Hall (2018), Parallelizing the dual revised simplex method (HiGHS).

    Examples
    --------
    >>> before, level = np.array([10.0, 10.0]), np.array([[50.0, 50.0]])
    >>> allocate(before, np.array([[0.6, 0.2]]), level, 20.0).round(6).tolist()
    [15.0, 5.0]
    """
    low, high = spend_before * (1 - REACH), spend_before * (1 + REACH)
    total = float(np.clip(total, low.sum(), high.sum()))
    steps = np.linspace(1 - REACH, 1 + REACH, _N_STEPS + 1)
    worth = np.stack([response(step, elasticity, level).mean(axis=0) for step in steps], axis=1)
    if (np.diff(worth, 2, axis=1) > 1e-9 * worth.max()).any():
        return _by_steps(spend_before, steps, worth, total)

    def spent(price: float) -> np.ndarray:
        return np.array(
            [
                _spend_at(price, spend_before[cell], elasticity[:, cell], level[:, cell])
                for cell in range(len(low))
            ]
        )

    tops = [
        _marginal(start, spend_before[cell], elasticity[:, cell], level[:, cell])
        for cell in range(len(low))
        for start in (low[cell], high[cell])
    ]
    if max(tops) <= 0:
        return spend_before * total / spend_before.sum()
    ends = max(min(tops), 1e-12) * 0.5, max(tops) * 2

    def left(log_price: float) -> float:
        return spent(np.exp(log_price)).sum() - total

    logs = np.log(ends)
    if left(logs[0]) <= 0:
        return spent(np.exp(logs[0]))
    if left(logs[1]) >= 0:
        return spent(np.exp(logs[1]))
    return spent(np.exp(brentq(left, *logs, xtol=1e-10)))


def _marginal(spend: float, before: float, elasticity: np.ndarray, level: np.ndarray) -> float:
    return float((elasticity * response(spend / before, elasticity, level)).mean() / spend)


def _spend_at(price: float, before: float, elasticity: np.ndarray, level: np.ndarray) -> float:
    """Return the spend at which one more unit brings `price`, or the bound that is nearer to it."""
    low, high = before * (1 - REACH), before * (1 + REACH)
    if _marginal(low, before, elasticity, level) <= price:
        return low
    if _marginal(high, before, elasticity, level) >= price:
        return high
    return brentq(lambda spend: _marginal(spend, before, elasticity, level) - price, low, high)


def _by_steps(spend_before: np.ndarray, steps: np.ndarray, worth: np.ndarray, total: float) -> np.ndarray:
    """Choose one step for each cell: the most that comes of no more than `total`."""
    n_cells, n_steps = worth.shape
    one_each = np.kron(np.eye(n_cells), np.ones(n_steps))
    cost = (spend_before[:, None] * steps).ravel()
    found = milp(
        -worth.ravel() / worth.max(),
        integrality=np.ones(worth.size),
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(one_each, 1, 1), LinearConstraint(cost[None], 0, total * (1 + 1e-9))],
        options={"mip_rel_gap": 1e-4, "time_limit": 10.0},
    )
    if found.x is None:
        return spend_before * total / spend_before.sum()
    return spend_before * steps[found.x.reshape(n_cells, n_steps).argmax(axis=1)]


def plan(spend: pd.DataFrame) -> pd.DataFrame:
    """Plan a week's budget in each scenario.

    Parameters
    ----------
    spend : DataFrame
        The declared side input: ``segment``, ``channel``, ``week``, ``spend``, ``outcome``.

    Returns
    -------
    DataFrame
        One row per scenario, segment and channel: ``spend`` of a week, ``response``, ``response_lo`` and
        ``response_hi`` (80 %), ``marginal_return`` (what one more unit brings) with ``marginal_lo`` and
        ``marginal_hi``, ``basis`` (scenario, or refused: the cell keeps its spend) and ``reason``. Empty
        without spend.
    """
    found = curves(spend) if len(spend) else pd.DataFrame()
    if found.empty:
        return pd.DataFrame()
    known = found[found["reason"] == ""]
    rows = [
        _row(scenario, cell, cell["spend_before"] * (1.0 if scenario == "as_before" else factor), None)
        for scenario, factor in SCENARIOS.items()
        for _, cell in found[found["reason"] != ""].iterrows()
    ]
    if len(known):
        elasticity, level = draws(known)
        before = known["spend_before"].to_numpy()
        for scenario, factor in SCENARIOS.items():
            spent = before if scenario == "as_before" else moved(before, elasticity, level, factor)
            for place, (_, cell) in enumerate(known.iterrows()):
                drawn = elasticity[:, place], level[:, place]
                rows.append(_row(scenario, cell, spent[place], drawn))
    order = {scenario: place for place, scenario in enumerate(SCENARIOS)}
    table = pd.DataFrame(rows)
    table["scenario_position"] = table["scenario"].map(order) + 1
    return table.sort_values(["scenario_position", "segment", "channel"], ignore_index=True)


def moved(before: np.ndarray, elasticity: np.ndarray, level: np.ndarray, factor: float = 1.0) -> np.ndarray:
    """Return the best spread of `factor` times the sum of before, or as much of the move as is sure to gain.

    Of the way from the same shares to the best ones, the longest part is taken whose gain is above 0 in
    `SURE` of the draws.
    """
    same = before * factor
    best = allocate(before, elasticity, level, float(same.sum()))
    base = response(same / before, elasticity, level).sum(axis=1)
    for part in (1.0, 0.75, 0.5, 0.25):
        spent = same + part * (best - same)
        if (response(spent / before, elasticity, level).sum(axis=1) > base).mean() >= SURE:
            return spent
    return same


def _row(
    scenario: str, cell: pd.Series, spend: float, drawn: tuple[np.ndarray, np.ndarray] | None
) -> dict[str, object]:
    row = {
        "scenario": scenario,
        "segment": cell["segment"],
        "channel": cell["channel"],
        "spend_before": cell["spend_before"],
        "spend": spend,
        "n_weeks": int(cell["n_weeks"]),
    }
    if drawn is None:
        return row | {"basis": REFUSED, "reason": cell["reason"]}
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    elasticity, level = drawn
    came = response(np.full(len(level), spend / cell["spend_before"]), elasticity, level)
    more = elasticity * came / spend
    reason = "From the shop's own weeks: no experiment supports it."
    return row | {
        "response": float(came.mean()),
        "response_lo": float(np.quantile(came, tails[0])),
        "response_hi": float(np.quantile(came, tails[1])),
        "marginal_return": float(more.mean()),
        "marginal_lo": float(np.quantile(more, tails[0])),
        "marginal_hi": float(np.quantile(more, tails[1])),
        "basis": SCENARIO,
        "reason": reason,
    }
