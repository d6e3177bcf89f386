"""The linear scorer: rows in, scores out, the same bits whatever the order of the rows."""

import numpy as np
import pandas as pd
import pytest

from clientele.learning.linear_rows import (
    EXP,
    LOGIT,
    LinearModel,
    apply_link,
    hash_rows,
    round_significant,
    term_rows,
)

FEATURES = ["often", "often", "dear"]
TERMS = term_rows(
    FEATURES, np.array([0.0, 2.0, -1.0]), np.array([2.0, 5.0, 1.0]), np.array([1.0, 2.5, 0.0]), [1, 2, 1]
)
MODEL = LinearModel.of(
    ["late", "early"],
    TERMS,
    np.array([10.0, -1.0]),
    np.array([[1.0, 2.0, 3.0], [0.5, 0.25, -1.0]]),
)
FRAME = pd.DataFrame({"dear": [0.5, -9.0], "often": [1.0, 4.0]})


def test_a_score_by_hand():
    assert MODEL.outputs.tolist() == ["early", "late"]
    # often 1: pieces 1 and 2; often 4: pieces 2 and 4; dear .5 and -1
    assert MODEL.clip(FRAME).tolist() == [[1, 2, 0.5], [2, 4, -1]]
    early = [-1 + 0.5 + 0.5 - 0.5, -1 + 1 + 1 + 1]
    late = [10 + 1 + 4 + 1.5, 10 + 2 + 8 - 3]
    assert MODEL.score(FRAME).tolist() == np.column_stack([early, late]).tolist()


def test_rows_in_any_order_are_the_same_model():
    rows = MODEL.to_rows("v1")
    assert len(rows) == 2 * 4 and rows["model_version"].eq("v1").all()
    again = LinearModel.from_rows(rows.sample(frac=1, random_state=0))
    pd.testing.assert_frame_equal(again.to_rows("v1"), rows)
    np.testing.assert_array_equal(again.score(FRAME), MODEL.score(FRAME))
    columns = list(rows.columns)
    key = ["output", "feature_position", "piece"]
    assert hash_rows(rows, columns, key) == hash_rows(rows.iloc[::-1], columns, key)
    other = rows.assign(weight=rows["weight"] * (1 + 1e-9))
    assert hash_rows(other, columns, key) != hash_rows(rows, columns, key)


def test_every_number_survives_as_text():
    chance = np.random.default_rng(0)
    terms = term_rows(["a", "b"], chance.normal(size=2) - 9, chance.normal(size=2) + 9, chance.normal(size=2))
    model = LinearModel.of([1, 2], terms, chance.normal(size=2), chance.normal(size=(2, 2)))
    rows = model.to_rows()
    text = rows.map(lambda value: f"{value:.12g}" if isinstance(value, float) else value)
    numbers = ["weight", "clip_lo", "clip_hi", "feature_mean"]
    pd.testing.assert_frame_equal(text.astype(dict.fromkeys(numbers, float)), rows, check_exact=True)
    assert round_significant(np.pi) != np.pi


def test_contributions_add_up():
    at_mean = MODEL.intercepts + (MODEL.weights * TERMS["feature_mean"].to_numpy()).sum(axis=1)
    parts = MODEL.contributions(FRAME)
    assert parts.shape == (2, 2, 2) and MODEL.features == ["often", "dear"]
    np.testing.assert_allclose(parts.sum(axis=2) + at_mean, MODEL.score(FRAME))
    assert parts[0, 1].tolist() == [1 * 0 + 2 * (2 - 2.5), 3 * 0.5]


@pytest.mark.parametrize(("link", "expected"), [(LOGIT, [0.0, 0.5, 1.0]), (EXP, [0.0, 1.0, np.exp(700)])])
def test_links_stay_finite(link, expected):
    assert apply_link(np.array([-1e9, 0.0, 1e9]), link) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows.drop(columns="piece"), r"lack the column\(s\) \['piece'\]"),
        (lambda rows: rows.assign(model_version=["a"] * 4 + ["b"] * 4), "more than one model_version"),
        (lambda rows: rows.drop(index=1), "the same features"),
        (lambda rows: rows[rows["feature_position"] > 0], "an intercept"),
        (lambda rows: pd.concat([rows, rows.head(1)]), "repeat a row"),
        (lambda rows: rows.assign(clip_hi=np.arange(8.0) + 9), "clip a feature differently"),
    ],
)
def test_rows_that_are_no_model_are_refused(spoil, message):
    with pytest.raises(ValueError, match=message):
        LinearModel.from_rows(spoil(MODEL.to_rows("v1")))


def test_a_frame_without_a_feature_or_with_nan_is_refused():
    with pytest.raises(ValueError, match=r"lacks the feature\(s\) \['dear'\]"):
        MODEL.score(FRAME.drop(columns="dear"))
    with pytest.raises(ValueError, match="NaN"):
        MODEL.score(FRAME.assign(dear=np.nan))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="'probit' is none of"):
        LinearModel.of([1], TERMS, np.zeros(1), np.zeros((1, 3)), "probit")
    with pytest.raises(ValueError, match="1 outputs and 3 terms"):
        LinearModel.of([1], TERMS, np.zeros(1), np.zeros((1, 2)))
