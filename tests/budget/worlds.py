"""Worlds in which the truth is known: what spend does in each cell, and a year of ordinary history.

``python tests/budget/worlds.py 200`` plans a budget in each of 200 worlds, and says what came of it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from clientele.budget.curves import curves, draws
from clientele.budget.plan import REACH, moved

SEGMENTS, CHANNELS = 4, 5


@dataclass
class World:
    """Curves with saturation: size · x^shape / (x^shape + half^shape), and what was spent before."""

    size: np.ndarray
    half: np.ndarray
    shape: np.ndarray
    before: np.ndarray

    def outcome(self, spend: np.ndarray) -> np.ndarray:
        """Return what comes of it, by cell."""
        bent = np.power(spend, self.shape)
        return self.size * bent / (bent + np.power(self.half, self.shape))

    def best(self, reach: float | None = None) -> np.ndarray:
        """Return the spread of the same sum that most comes of: the truth, as curves bend down."""
        low = np.full(len(self.before), 1e-6) if reach is None else self.before * (1 - reach)
        high = np.full(len(self.before), self.before.sum()) if reach is None else self.before * (1 + reach)

        def marginal(spend: np.ndarray) -> np.ndarray:
            step = 1e-5 * spend
            return (self.outcome(spend + step) - self.outcome(spend - step)) / (2 * step)

        def spent(log_price: float) -> np.ndarray:
            below, above = low.copy(), high.copy()
            for _ in range(60):
                middle = np.sqrt(below * above)
                is_dear = marginal(middle) > np.exp(log_price)
                below, above = np.where(is_dear, middle, below), np.where(is_dear, above, middle)
            return np.sqrt(below * above)

        return spent(brentq(lambda price: spent(price).sum() - self.before.sum(), -30, 30, xtol=1e-6))


def make_world(seed: int) -> World:
    """Return a world whose spend is near the best one, as a shop's is that has been at it for a while."""
    rng = np.random.default_rng([seed, 7])
    n_cells = SEGMENTS * CHANNELS
    channel = np.tile(np.arange(CHANNELS), SEGMENTS)
    shape = np.clip(rng.normal(0.8, 0.1, CHANNELS)[channel] + rng.normal(0, 0.05, n_cells), 0.5, 1.0)
    half = 100 * np.exp(rng.normal(0, 0.6, CHANNELS)[channel] + rng.normal(0, 0.3, n_cells))
    size = 2000 * np.exp(rng.normal(0, 0.5, n_cells))
    world = World(size, half, shape, np.full(n_cells, 100.0))
    before = world.best() * np.exp(rng.normal(0, 0.6, n_cells))
    world.before = before * 100 * n_cells / before.sum()
    return world


def make_history(
    world: World, seed: int, n_weeks: int = 52, moves: float = 0.25, noise: float = 0.2
) -> pd.DataFrame:
    """Return a year as it comes: spend moves by itself, season and chance move what comes of it."""
    rng = np.random.default_rng([seed, 8])
    n_cells = len(world.before)
    season = np.exp(0.2 * np.sin(np.arange(n_weeks) / 52 * 2 * np.pi))[:, None]
    # more is spent when more is sold: that tells nothing of what spending does
    spend = world.before * season * np.exp(rng.normal(0, moves, (n_weeks, n_cells)))
    came = world.outcome(spend) * season * np.exp(rng.normal(0, noise, (n_weeks, n_cells)))
    weeks = pd.date_range("2019-01-07", periods=n_weeks, freq="7D")
    return pd.DataFrame(
        {
            "segment": np.tile([f"segment {cell // CHANNELS}" for cell in range(n_cells)], n_weeks),
            "channel": np.tile([f"channel {cell % CHANNELS}" for cell in range(n_cells)], n_weeks),
            "week": np.repeat(weeks, n_cells),
            "spend": spend.ravel(),
            "outcome": came.ravel(),
        }
    )


def judge(seed: int) -> dict[str, float]:
    """Plan the budget of a world from its history, and return what truly comes of it, over the best."""
    world = make_world(seed)
    found = curves(make_history(world, seed))
    elasticity, level = draws(found)
    planned = moved(found["spend_before"].to_numpy(), elasticity, level)
    # what was spent before is what its owner knows, not what chance made of the last weeks
    shares = planned / found["spend_before"].to_numpy()
    spent = world.before * shares
    spent *= world.before.sum() / spent.sum()
    best = world.outcome(world.best()).sum()
    return {
        "planned": world.outcome(spent).sum() / best,
        "as_before": world.outcome(world.before).sum() / best,
        "within_reach": world.outcome(world.best(REACH)).sum() / best,
    }


def summary(n_worlds: int) -> dict[str, float]:
    """Return means over worlds, the worst twentieth, and how often the plan is worse than as before."""
    found = pd.DataFrame([judge(seed) for seed in range(n_worlds)])
    return {
        **found.mean().to_dict(),
        "planned_worst_5": found["planned"].quantile(0.05),
        "below_as_before": (found["planned"] < found["as_before"] - 1e-12).mean(),
    }


if __name__ == "__main__":
    print({name: round(value, 4) for name, value in summary(int(sys.argv[1])).items()})
