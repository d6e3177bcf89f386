"""The linear scorer in SQL gives the bits of the one in Python: dbt renders the macros, DuckDB runs them."""

from __future__ import annotations

import os
from contextlib import closing
from unittest import mock

import duckdb
import numpy as np
import pandas as pd
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from support import House, parsed

from clientele.learning.linear_rows import EXP, LOGIT, LinearModel, round_significant, term_rows
from clientele.learning.pieces import PiecewiseLogistic

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


@pytest.fixture(scope="module")
def statements(tmp_path_factory) -> dict[str, str]:
    """Return the rendered SQL of each call above."""
    house = House(tmp_path_factory.mktemp("rendering"))
    house.home.mkdir()
    queries = [
        f"with {GIVEN}, {{{{ clientele.{call} }}}} select * from heads_scores" for call in CALLS.values()
    ]
    inline = CUT.join(queries)
    with mock.patch.dict(os.environ, house.environment(), clear=True):
        ran = dbtRunner(manifest=parsed().deepcopy()).invoke(["--quiet", "compile", "--inline", inline])
        if DuckDBConnectionManager._ENV is not None:
            DuckDBConnectionManager._ENV.close()
        DuckDBConnectionManager.close_all_connections()
    assert ran.success, ran.exception
    return dict(zip(CALLS, ran.result.results[0].node.compiled_code.split(CUT), strict=True))


def run(statement: str, frame: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Score in DuckDB, from rows that have been through text."""
    numbers = ["weight", "clip_lo", "clip_hi", "feature_mean"]
    some_weights = rows.assign(**{name: rows[name].map("{:.12g}".format) for name in numbers})
    with closing(duckdb.connect(config={"threads": 2})) as connection:
        connection.register("some_features", frame)
        connection.register("text", some_weights)
        columns = ", ".join(f"cast({name} as double) as {name}" for name in numbers)
        connection.execute(f"create table some_weights as select * replace ({columns}) from text")
        return connection.execute(statement).df()


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


@pytest.mark.parametrize("missing", ["", "dear"])
def test_wide_scores_are_the_bits_of_python(statements, missing):
    frame, model = make_frame(), make_model(["it's", "p_30d", "p_7d"], missing=missing)
    found = run(statements["wide"], frame, model.to_rows("v1")).sort_values("user_sk")
    expected = model.score(frame.sort_values("user_sk"))
    # outputs of the call: p_30d, p_7d, it's
    np.testing.assert_array_equal(found[["score_3", "score_1", "score_2"]].to_numpy(), expected)


def test_terms_of_a_wide_call_are_the_clipped_features(statements):
    frame, model = make_frame(50), make_model(["p_7d"])
    found = run(statements["wide"], frame, model.to_rows()).sort_values("user_sk")
    columns = [f"x_{number}" for number in range(1, len(model.terms) + 1)]
    np.testing.assert_array_equal(found[columns].to_numpy(), model.clip(frame.sort_values("user_sk")))


def test_an_output_without_rows_scores_what_is_said(statements):
    frame, model = make_frame(20), make_model([1, 2], pieces=1)
    found = run(statements["places"], frame, model.to_rows()).sort_values("user_sk")
    np.testing.assert_array_equal(found[["score_1", "score_2"]], model.score(frame.sort_values("user_sk")))
    # far above any score, whatever is added to it
    assert (found["score_3"] == 1e300).all()


def test_without_a_model_there_is_no_row(statements):
    frame, rows = make_frame(20), make_model([1, 2]).to_rows()
    for name in ("wide", "places", "logit"):
        assert run(statements[name], frame, rows.head(0).astype({"output": str})).empty


@pytest.mark.parametrize(("link", "key"), [("identity", "user_sk"), (LOGIT, "user_sk"), (EXP, "row_id")])
def test_long_scores_are_those_of_python(statements, link, key):
    frame, model = make_frame(), make_model(["books", "food", "toys", "x"], link=link)
    found = run(statements[link], frame, model.to_rows()).sort_values([key, "output"])
    ordered = frame.sort_values(key)
    assert found["output"].tolist() == model.outputs.tolist() * len(frame)
    np.testing.assert_array_equal(found["score"], model.score(ordered).ravel())
    np.testing.assert_allclose(found["prediction"], model.predict(ordered).ravel(), rtol=1e-9, atol=1e-12)


def test_links_of_extreme_scores_are_finite(statements):
    frame, model = make_frame(5), make_model(["high", "low"])
    rows = model.to_rows()
    rows.loc[rows["feature_position"] == 0, "weight"] = [1e9, -1e9]
    for link, key in ((LOGIT, "user_sk"), (EXP, "row_id")):
        found = run(statements[link], frame, rows).sort_values([key, "output"])
        expected = LinearModel.from_rows(rows, link).predict(frame).ravel()
        assert np.isfinite(found["prediction"]).all()
        np.testing.assert_allclose(found["prediction"], expected, rtol=1e-9)


def test_a_head_of_pieces_scores_in_sql_as_scikit_learn_does(statements):
    frame = make_frame()
    bought = frame[["often"]].gt(1).astype(float).rename(columns={"often": "p_7d"})
    head = PiecewiseLogistic(NAMES).fit(frame, bought)
    found = run(statements["logit"], frame, head.to_rows("v1")).sort_values("user_sk")
    expected = head.predict(frame.sort_values("user_sk"))[:, 0]
    np.testing.assert_allclose(found["prediction"], expected, atol=1e-9, rtol=0)
    assert round_significant(expected.max()) <= 1


def test_an_unknown_link_is_refused(tmp_path, capsys):
    house = House(tmp_path)
    house.home.mkdir()
    with mock.patch.dict(os.environ, house.environment(), clear=True):
        inline = "select {{ clientele.linear_link('score', 'probit') }} as p"
        ran = dbtRunner(manifest=parsed().deepcopy()).invoke(["--quiet", "compile", "--inline", inline])
        DuckDBConnectionManager.close_all_connections()
    assert not ran.success
    assert "linear_link: link must be identity, logit or exp; got 'probit'" in capsys.readouterr().out
