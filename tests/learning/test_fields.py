"""A fit as fields, and its parts put together again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from clientele.learning.fields import KEYS, SCHEMA, part_of, to_fields


def test_a_part_comes_back_as_it_was_given():
    rows = pd.DataFrame(
        {
            "criterion": ["auc", "habit_r2", ""],
            "value": [0.1 + 0.2, -1e-300, np.nan],
            "is_met": [True, False, None],
            "note": [None, "a, b", "é"],
        }
    )
    back = part_of(to_fields({"gate": rows, "card": pd.DataFrame({"k": [7]})}, 3, "v"), "gate")
    assert back["row_position"].tolist() == [1, 2, 3] and set(back["fit_number"]) == {3}
    assert back["criterion"].tolist() == ["auc", "habit_r2", ""]
    assert back["value"].tolist()[:2] == [0.1 + 0.2, -1e-300] and np.isnan(back["value"][2])
    assert back["is_met"].tolist()[:2] == [1.0, 0.0] and np.isnan(back["is_met"][2])
    assert back["note"].tolist()[1:] == ["a, b", "é"] and pd.isna(back["note"][0])


def test_parts_of_several_fits_stand_under_each_other():
    fields = pd.concat([to_fields({"cut": pd.DataFrame({"at": [n / 10]})}, n, str(n)) for n in (2, 1)])
    assert part_of(fields, "cut")[["fit_number", "at"]].values.tolist() == [[1, 0.1], [2, 0.2]]


def test_nothing_has_the_types_of_something():
    empty = to_fields({})
    assert list(empty.columns) == list(SCHEMA) and empty.empty
    assert to_fields({"cut": pd.DataFrame({"at": []})}).dtypes.equals(empty.dtypes)
    assert list(part_of(empty, "cut").columns) == list(KEYS)


def test_a_field_that_is_given_twice_is_refused():
    twice = pd.concat([to_fields({"cut": pd.DataFrame({"at": [0.1]})})] * 2)
    with pytest.raises(ValueError, match="duplicate"):
        part_of(twice, "cut")
