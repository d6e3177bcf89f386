"""A made-up model of several outputs, and the scoring macros rendered by dbt."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner, dbtRunnerResult

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from support import House, own_manifest

from clientele.learning.linear_rows import LinearModel, term_rows

NAMES = ["often", "dear", "late", "noise"]
CUT = "-- next statement"
GIVEN = "features as (select * from some_features), weights as (select * from some_weights)"
WIDE = "linear_score_ctes('features', 'weights', ['often', 'dear', 'late', 'noise'], "
LONG = "linear_score_row_ctes('features', 'weights', ['often', 'dear', 'late', 'noise'], pieces=4, "
CALLS = {
    "wide": WIDE + """['p_30d', 'p_7d', "it's"], pieces=4, name='heads')""",
    "places": WIDE + "[1, 2, 3], absent='1e300', name='heads')",
    "identity": LONG + "name='heads')",
    "logit": LONG + "link='logit', name='heads')",
    "exp": LONG + "link='exp', name='heads', key='row_id')",
}


def compiled(inline: str, folder: Path, **variables: str) -> dbtRunnerResult:
    """Let dbt render a text, with these vars; nothing is run."""
    house = House(folder)
    house.home.mkdir()
    with mock.patch.dict(os.environ, house.environment(), clear=True):
        ran = dbtRunner(manifest=own_manifest()).invoke(
            ["--quiet", "compile", "--inline", inline, "--vars", json.dumps(variables)]
        )
        if DuckDBConnectionManager._ENV is not None:
            DuckDBConnectionManager._ENV.close()
        DuckDBConnectionManager.close_all_connections()
    return ran


def scoring_statements(folder: Path) -> dict[str, str]:
    """Return the rendered SQL of each call above."""
    queries = [
        f"with {GIVEN}, {{{{ clientele.{call} }}}} select * from heads_scores" for call in CALLS.values()
    ]
    ran = compiled(CUT.join(queries), folder)
    assert ran.success, ran.exception
    return dict(zip(CALLS, ran.result.results[0].node.compiled_code.split(CUT), strict=True))


def make_frame(n: int = 5000) -> pd.DataFrame:
    chance = np.random.default_rng(0)
    values = pd.DataFrame(chance.normal(scale=3, size=(n, len(NAMES))), columns=NAMES)
    return values.assign(user_sk=chance.permutation(n), row_id=np.arange(n))


def make_model(outputs, pieces: int = 4, link: str = "identity", missing: str = "") -> LinearModel:
    """Weights of any size, so that the order of a sum shows in its bits; one feature is without rows."""
    chance = np.random.default_rng(1)
    kept = [name for name in NAMES if name != missing]
    cuts = np.sort(chance.normal(scale=2, size=(len(kept), pieces + 1)), axis=1)
    terms = term_rows(
        np.repeat(kept, pieces),
        cuts[:, :-1].ravel(),
        cuts[:, 1:].ravel(),
        chance.normal(size=len(kept) * pieces),
        np.tile(np.arange(1, pieces + 1), len(kept)),
    )
    size = (len(outputs), len(terms))
    weights = chance.normal(size=size) * 10.0 ** chance.integers(-4, 3, size)
    return LinearModel.of(outputs, terms, chance.normal(size=len(outputs)), weights, link)
