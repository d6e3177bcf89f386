"""The linear scorer on the Redshift stand-in: accepted by the lint, and the bits of Python."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import redshift_connector
from redshift_lint import check
from standin.postgres import DATABASE, PASSWORD, USER

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "learning"))
from heads import make_frame, make_model, scoring_statements

KINDS = {"object": "varchar(64)", "str": "varchar(64)", "int64": "bigint", "float64": "double precision"}


@pytest.fixture(scope="module")
def statements(tmp_path_factory) -> dict[str, str]:
    return scoring_statements(tmp_path_factory.mktemp("rendering"))


def test_the_lint_has_nothing_against_it(statements):
    assert {name: check(sql) for name, sql in statements.items()} == {name: [] for name in statements}


@pytest.mark.parametrize("call", ["wide", "logit"])
def test_scores_are_those_of_python(proxy, statements, call):
    frame, model = make_frame(300), make_model(["it's", "p_30d", "p_7d"], link="logit")
    with redshift_connector.connect(
        host="127.0.0.1", port=proxy.port, database=DATABASE, user=USER, password=PASSWORD, ssl=False
    ) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        for name, table in (("some_features", frame), ("some_weights", model.to_rows())):
            columns = ", ".join(f"{column} {KINDS[str(kind)]}" for column, kind in table.dtypes.items())
            cursor.execute(f"create temporary table {name} ({columns})")
            cursor.execute(f"insert into {name} values {_values(table)}")
        cursor.execute(statements[call])
        found = cursor.fetch_dataframe()
        cursor.execute("drop table some_features")
        cursor.execute("drop table some_weights")
    expected = frame.sort_values("user_sk")
    if call == "wide":
        found = found.sort_values("user_sk")
        scores = found[["score_3", "score_1", "score_2"]].astype(float).to_numpy()
        np.testing.assert_array_equal(scores, model.score(expected))
        return
    found = found.sort_values(["user_sk", "output"])
    np.testing.assert_array_equal(found["score"].astype(float), model.score(expected).ravel())
    predicted = found["prediction"].astype(float)
    np.testing.assert_allclose(predicted, model.predict(expected).ravel(), rtol=1e-9)


def _values(table: pd.DataFrame) -> str:
    def literal(value: object) -> str:
        return repr(float(value)) if isinstance(value, float) else "'" + str(value).replace("'", "''") + "'"

    rows = (", ".join(map(literal, row)) for row in table.itertuples(index=False, name=None))
    return ", ".join(f"({row})" for row in rows)
