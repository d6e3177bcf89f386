"""The gate: what is missed fails, what is not measured never outranks anything that is."""

import itertools

import numpy as np
import pytest

from clientele.learning.gate import FAILED, PASSED, UNPROVEN, Criterion, best, judge

MET = Criterion(name="auc", compared_with="rules", value=0.02, ci_lo=0.001, bar=0.0, bar_of_low=-0.005)
MISSED = Criterion(name="ari", value=0.7, bar=0.8)
UNKNOWN = Criterion(name="lift", value=np.nan, bar=1.0, why_not="no later month to predict")


@pytest.mark.parametrize(
    ("criterion", "is_met"),
    [
        (Criterion(name="a", value=0.8, bar=0.8), True),
        (Criterion(name="a", value=0.7999, bar=0.8), False),
        (Criterion(name="a", value=0.1, ci_lo=0.0, bar_of_low=0.0), False),
        (Criterion(name="a", value=0.1, ci_lo=0.001, bar_of_low=0.0), True),
        (Criterion(name="a", value=0.1, ci_lo=0.001, bar=0.2, bar_of_low=0.0), False),
        (Criterion(name="a", value=0.1, bar_of_low=0.0), False),
        (Criterion(name="ece", value=0.03, highest=0.03), True),
        (Criterion(name="ece", value=0.031, highest=0.03), False),
        (Criterion(name="slope", value=1.3, bar=0.8, highest=1.25), False),
        (Criterion(name="a", value=np.nan, bar=0.8), None),
        (Criterion(name="a", value=0.9, bar=0.8, is_measured=False), None),
    ],
)
def test_bars(criterion, is_met):
    assert criterion.is_met is is_met


def test_one_missed_criterion_fails_whatever_else_is_met_or_unknown():
    for rest in itertools.product((MET, UNKNOWN), repeat=2):
        verdict = judge([*rest, MISSED])
        assert verdict.outcome == FAILED and verdict.reason == "The gate is not passed: ari 0.700 < 0.8."


def test_what_could_not_be_measured_is_unproven_and_says_what_is_lacking():
    verdict = judge([MET, UNKNOWN])
    assert verdict.outcome == UNPROVEN and "no later month to predict" in verdict.reason
    assert verdict.criteria["is_met"].tolist()[0] is True and verdict.criteria["is_met"].isna().tolist() == [
        False,
        True,
    ]
    assert judge([]).outcome == UNPROVEN, "a model that was asked nothing has shown nothing"


def test_every_criterion_met_passes():
    verdict = judge([MET, Criterion(name="ece", value=0.01, highest=0.03)], passed="Better than the rules.")
    assert (verdict.outcome, verdict.reason) == (PASSED, "Better than the rules.")
    assert verdict.criteria["bar"].tolist() == [0.0, 0.03]


def test_unproven_never_outranks_failed():
    failed, unproven, passed = judge([MISSED]), judge([UNKNOWN]), judge([MET])
    assert [verdict.may_score for verdict in (failed, unproven, passed)] == [False, False, True]
    assert best({"a": unproven, "b": failed}) is None
    assert best({"a": unproven, "b": passed, "c": passed}) == "b"
    # Less evidence does not turn a failure into anything better.
    assert judge([MISSED, UNKNOWN]).outcome == failed.outcome


def test_reasons_name_baseline_and_bound():
    far = Criterion(name="auc", compared_with="rules", value=-0.02, ci_lo=-0.03, bar_of_low=-0.005)
    assert judge([far]).reason == "The gate is not passed: auc against rules -0.020 (lower bound -0.030)."
    high = Criterion(name="ece", value=0.05, highest=0.03)
    assert judge([high]).reason == "The gate is not passed: ece 0.050 > 0.03."
    low = Criterion(name="gain", value=0.05, ci_lo=-0.01, bar_of_low=0.0)
    assert judge([low]).reason == "The gate is not passed: gain 0.050 (lower bound -0.010)."


def test_a_criterion_that_nothing_could_miss_is_refused():
    with pytest.raises(ValueError, match="has no bar"):
        Criterion(name="auc", value=0.5)
