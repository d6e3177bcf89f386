"""The formulas of value as SQL, beside scipy.special: dbt renders the macros once, DuckDB runs them."""

from __future__ import annotations

import os
from unittest import mock

import duckdb
import numpy as np
import pandas as pd
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from scipy.special import hyp2f1
from support import House, own_manifest

from clientele.value.visits import BOUNDS, BetaGeometric

CUT = "-- next expression"
MACROS = {
    "hypergeometric": "{{ clientele.hypergeometric('a', 'b', 'c', 'z') }}",
    "visits_30d": "{{ clientele.visits_if_alive('frequency', 'age_days', 30) }}",
    "visits_90d": "{{ clientele.visits_if_alive('frequency', 'age_days', 90) }}",
    "p_alive": "{{ clientele.probability_alive('frequency', 'recency_days', 'age_days') }}",
    "horizons": "{{ clientele.value_horizons() | join(',') }}",
}


@pytest.fixture(scope="module")
def expressions(tmp_path_factory) -> dict[str, str]:
    house = House(tmp_path_factory.mktemp("rendering"))
    house.home.mkdir()
    with mock.patch.dict(os.environ, house.environment(), clear=True):
        try:
            ran = dbtRunner(manifest=own_manifest()).invoke(
                ["--quiet", "compile", "--inline", CUT.join(MACROS.values())]
            )
            assert ran.success, ran.exception
            (result,) = ran.result
        finally:
            if DuckDBConnectionManager._ENV is not None:
                DuckDBConnectionManager._ENV.close()
            DuckDBConnectionManager.close_all_connections()
    return dict(zip(MACROS, result.node.compiled_code.split(CUT), strict=True))


def worked_out(expression: str, rows: pd.DataFrame) -> np.ndarray:
    with duckdb.connect() as connection:
        connection.register("given", rows)
        return connection.sql(f"select {expression} as answer from given").df()["answer"].to_numpy()


def test_the_series_agrees_with_scipy_up_to_a_half(expressions):
    chance = np.random.default_rng(11)
    rows = pd.DataFrame(
        {
            "a": chance.uniform(-1, 5, 2000),
            "b": chance.uniform(-1, 3, 2000),
            "c": np.exp(chance.uniform(np.log(0.1), np.log(400), 2000)),
            "z": chance.uniform(0, 0.45, 2000),
        }
    )
    exact = hyp2f1(*(rows[name].to_numpy() for name in "abcz"))
    assert np.abs(worked_out(expressions["hypergeometric"], rows) / exact - 1).max() < 1e-9


@pytest.mark.parametrize("horizon", [30, 90])
def test_expected_visits_agree_with_scipy_for_any_shop(expressions, horizon):
    """All parameters that a fit may give; customers of whom no row of the model speaks."""
    chance = np.random.default_rng(horizon)
    n = 4000
    drawn = [np.exp(chance.uniform(*np.log(bound), n)) for bound in BOUNDS.values()]
    names = ("visit_r", "visit_alpha", "visit_a", "visit_b")
    rows = pd.DataFrame(dict(zip(names, drawn, strict=True)))
    rows["frequency"] = np.where(
        chance.random(n) < 0.5, chance.integers(0, 10, n), chance.integers(0, 500, n)
    )
    rows["age_days"] = rows["frequency"] + chance.integers(0, 1500, n)
    rows = rows[
        (horizon / (rows["visit_alpha"] + rows["age_days"] + horizon) < 0.5) & (rows["frequency"] >= 0)
    ]
    rows = rows.astype(float)
    assert len(rows) > 3000
    x, age = rows["frequency"].to_numpy(), rows["age_days"].to_numpy()
    r, alpha, a, b = (rows[name].to_numpy() for name in names)
    z, below = horizon / (alpha + age + horizon), a + b + x - 1
    exact = below / (a - 1) * (1 - (1 - z) ** (a - 1) * hyp2f1(a + b - 1 - r, a - 1, below, z))
    # digits that this form loses where a is about 1 or z small, and SQL's does not
    lost = 1e-14 * np.abs(below / (a - 1))
    found = worked_out(expressions[f"visits_{horizon}d"], rows)
    assert (np.abs(found - exact) <= 1e-9 * exact + lost).all()
    assert (lost < 1e-10 * exact).mean() > 0.8, "the comparison would say little"


def test_p_alive_agrees_and_does_not_overflow(expressions):
    rows = pd.DataFrame(
        {
            "visit_r": 0.243, "visit_alpha": 4.414, "visit_a": 0.793, "visit_b": 2.426,
            "frequency": [0.0, 2, 300, 300, 1], "recency_days": [0.0, 30.43, 300, 300, 0],
            "age_days": [50.0, 38.86, 300, 900_000, 0],
        }
    )  # fmt: skip
    found = worked_out(expressions["p_alive"], rows)
    model = BetaGeometric.of(r=0.243, alpha=4.414, a=0.793, b=2.426)
    ours = model.p_alive(*(rows[name] for name in ("frequency", "recency_days", "age_days")))
    assert found == pytest.approx(ours, rel=1e-12, abs=1e-300)
    assert found[0] == 1 and found[1] == pytest.approx(0.7266, abs=5e-5) and 0 <= found[3] < 1e-100


def test_python_and_sql_look_as_far_ahead(expressions):
    from clientele.value.model import HORIZONS

    assert tuple(int(days) for days in expressions["horizons"].strip().split(",")) == HORIZONS
