"""Pieces: bent lines, and that weight rows give what scikit-learn gives."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clientele.learning.linear_rows import LOGIT, LinearModel
from clientele.learning.pieces import Pieces, PiecewiseLogistic, PiecewiseRidge


def shop(n=4000, seed=0):
    """Users of whom those in the middle of `middling` buy, and those with a high `rising`."""
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "middling": chance.normal(size=n),
            "rising": chance.gamma(2, 3, n),
            "flag": chance.integers(2, size=n).astype(float),
            "same": np.full(n, 3.0),
        }
    )
    score = 1.5 - 2 * frame["middling"].abs() + 0.1 * frame["rising"] + frame["flag"]
    bought = (chance.random(n) < 1 / (1 + np.exp(-score))).astype(float)
    seen = chance.random(n) < 0.9
    return frame, pd.DataFrame(
        {
            "bought": bought,
            "spend": np.where(seen, score + chance.normal(size=n), np.nan),
            "again": np.where(seen, bought, np.nan),
        }
    )


FEATURES = ["middling", "rising", "flag", "same"]


def test_pieces_lie_end_to_end_and_add_up_to_the_clipped_feature():
    frame, _ = shop()
    pieces = Pieces(FEATURES).fit(frame)
    assert pieces.terms_.groupby("feature")["piece"].count().to_dict() == {
        "middling": 4,
        "rising": 4,
        "flag": 1,
    }
    values = pieces.transform(frame)
    for name, terms in pieces.terms_.groupby("feature"):
        inner = terms["clip_lo"].iloc[1:].to_numpy()
        np.testing.assert_array_equal(inner, terms["clip_hi"].iloc[:-1])
        clipped = np.clip(frame[name], terms["clip_lo"].iloc[0], terms["clip_hi"].iloc[-1])
        np.testing.assert_allclose(values[:, terms.index].sum(axis=1) - inner.sum(), clipped, atol=1e-12)
    of_middling = values[:, pieces.terms_.query("feature == 'middling'").index]
    moving = (of_middling > of_middling.min(axis=0)) & (of_middling < of_middling.max(axis=0))
    assert moving.mean(axis=0) == pytest.approx(0.245, abs=0.01), (
        "a quarter of the users moves along each piece"
    )


def test_weight_rows_are_scikit_learn():
    frame, outcomes = shop()
    head = PiecewiseLogistic(FEATURES).fit(frame, outcomes[["bought"]])
    terms = Pieces(FEATURES).fit(frame).transform(frame)
    reference = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, tol=1e-8))
    expected = reference.fit(terms, outcomes["bought"]).predict_proba(terms)[:, 1]
    np.testing.assert_allclose(head.predict(frame)[:, 0], expected, atol=1e-9)
    from_rows = LinearModel.from_rows(head.to_rows("v1"), LOGIT)
    np.testing.assert_array_equal(from_rows.predict(frame), head.predict(frame))


def test_bent_lines_find_what_a_straight_one_cannot():
    frame, outcomes = shop()
    new, later = shop(seed=1)

    def area(n_pieces):
        head = PiecewiseLogistic(FEATURES, n_pieces).fit(frame, outcomes[["bought"]])
        return roc_auc_score(later["bought"], head.predict(new)[:, 0])

    assert area(4) > area(1) + 0.1


def test_ridge_predicts_amounts_where_they_were_seen():
    frame, outcomes = shop()
    new, later = shop(seed=1)
    predicted = PiecewiseRidge(FEATURES).fit(frame, outcomes[["spend"]]).predict(new)[:, 0]
    seen = later["spend"].notna()
    assert np.corrcoef(predicted[seen], later["spend"][seen])[0, 1] > 0.75
    assert predicted.mean() == pytest.approx(later["spend"].mean(), abs=0.1)


def test_outputs_come_in_the_order_of_the_outcomes():
    frame, outcomes = shop()
    pair = PiecewiseLogistic(FEATURES).fit(frame, outcomes[["bought", "again"]]).predict(frame)
    for column, name in enumerate(("bought", "again")):
        alone = PiecewiseLogistic(FEATURES).fit(frame, outcomes[[name]]).predict(frame)[:, 0]
        np.testing.assert_allclose(pair[:, column], alone, atol=1e-12)


def test_what_never_happened_has_a_small_chance_and_what_never_varied_its_mean():
    frame, outcomes = shop(100)
    never = PiecewiseLogistic(FEATURES).fit(frame, outcomes.assign(bought=0.0)[["bought"]])
    assert never.predict(frame)[:, 0] == pytest.approx(0.5 / 101)
    same = PiecewiseRidge(FEATURES).fit(frame, outcomes.assign(spend=7.0)[["spend"]])
    assert same.predict(frame)[:, 0] == pytest.approx(7.0)
    flat = PiecewiseLogistic(["same"]).fit(frame, outcomes[["bought"]])
    expected = (outcomes["bought"].sum() + 0.5) / 101
    assert flat.predict(frame)[:, 0] == pytest.approx(expected)


def test_pooled_models_learn_from_every_origin():
    frame, outcomes = shop(300)
    earlier, happened = shop(3000, seed=2)
    past = pd.concat([pd.concat([earlier, happened], axis=1), pd.concat([frame, outcomes], axis=1)])
    pooled = PiecewiseLogistic(FEATURES, pooled=True).fit(frame, outcomes[["bought"]], past)
    alone = PiecewiseLogistic(FEATURES).fit(past, past[["bought"]])
    np.testing.assert_array_equal(pooled.predict(frame), alone.predict(frame))
    newest = PiecewiseLogistic(FEATURES).fit(frame, outcomes[["bought"]], past)
    assert not np.allclose(newest.predict(frame), alone.predict(frame), atol=1e-3)


def test_the_order_of_rows_hardly_matters_and_a_repeat_gives_the_same_bits():
    frame, outcomes = shop()
    head = PiecewiseLogistic(FEATURES).fit(frame, outcomes[["bought"]])
    again = PiecewiseLogistic(FEATURES).fit(frame, outcomes[["bought"]])
    pd.testing.assert_frame_equal(head.to_rows(), again.to_rows(), check_exact=True)
    order = np.random.default_rng(0).permutation(len(frame))
    other = PiecewiseLogistic(FEATURES).fit(frame.iloc[order], outcomes[["bought"]].iloc[order])
    np.testing.assert_allclose(other.predict(frame), head.predict(frame), atol=1e-5)


def test_what_cannot_be_learnt_is_refused():
    frame, outcomes = shop(50)
    with pytest.raises(ValueError, match=r"lacks the feature\(s\) \['absent'\]"):
        Pieces(["absent"]).fit(frame)
    with pytest.raises(ValueError, match=r"NaN or infinite values in \['rising'\]"):
        Pieces(FEATURES).fit(frame.assign(rising=np.nan))
    with pytest.raises(ValueError, match="other values than 0 and 1"):
        PiecewiseLogistic(FEATURES).fit(frame, outcomes[["spend"]].fillna(0.5))
    with pytest.raises(ValueError, match="was never seen"):
        PiecewiseRidge(FEATURES).fit(frame, outcomes.assign(spend=np.nan)[["spend"]])
