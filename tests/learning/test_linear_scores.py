"""The linear scorer in SQL gives the bits of the one in Python: dbt renders the macros, DuckDB runs them."""

from __future__ import annotations

from contextlib import closing

import duckdb
import numpy as np
import pandas as pd
import pytest
from heads import NAMES, compiled, make_frame, make_model, scoring_statements

from clientele.learning.linear_rows import EXP, LOGIT, LinearModel
from clientele.learning.pieces import PiecewiseLogistic


@pytest.fixture(scope="module")
def statements(tmp_path_factory) -> dict[str, str]:
    return scoring_statements(tmp_path_factory.mktemp("rendering"))


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
    assert 0 <= expected.min() < expected.max() <= 1


def test_an_unknown_link_is_refused(tmp_path, capsys):
    ran = compiled("select {{ clientele.linear_link('score', 'probit') }} as p", tmp_path)
    assert not ran.success
    assert "linear_link: link must be identity, logit or exp; got 'probit'" in capsys.readouterr().out
