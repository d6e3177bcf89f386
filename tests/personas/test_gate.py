"""The gate: each bar at its edge, what cannot be measured, and what a model is called then."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from clientele.learning.backtest import EVALUATION_COLUMNS, evaluation_rows
from clientele.personas import Settings
from clientele.personas.gate import MIN_BUYERS, best_base, judge

SETTINGS = Settings(as_of=date(2020, 1, 31))
STABLE = {
    "prediction_strength": 0.8,
    "half_sample_ari": 0.8,
    "min_jaccard": 0.75,
    "min_share": 0.03,
    "month_ago_ari": 0.8,
    "n_studied": 9000.0,
}
# At every bar: the value and the lower bound against the base, and against the champion.
AT_THE_BARS = {"auc": (0.0, -0.0049), "volume_r2": (-0.01, -0.9), "habit_r2": (0.05, 0.0001)}
NO_WORSE = {"auc": (0.0, -0.0049), "volume_r2": (-0.01, -0.9), "habit_r2": (-0.01, -0.9)}


def evaluations(
    buyers: int = MIN_BUYERS, origin: str = "2020-01-02", champion: dict | None = None, **changed
) -> pd.DataFrame:
    """Rows of a model at every bar, but for what is changed: metric=(value, ci_lo)."""
    pair, base = "personas_x_value_tiers", "value_tiers"
    rows = [(pair, "", origin, 0, "buyers", buyers, np.nan, np.nan, 9000)]
    for model, auc in ((base, 0.8), ("rfm_5x5x5", 0.7)):
        rows += [(model, "", "all", 0, metric, auc, np.nan, np.nan, 9000) for metric in ("auc", "volume_r2")]
    against = {base: AT_THE_BARS | changed, "rfm_5x5x5": AT_THE_BARS | {"auc": (-0.5, -0.6)}}
    if champion is not None:
        against["champion_x_value_tiers"] = NO_WORSE | champion
    for compared_with, figures in against.items():
        model = "personas_x_rfm_5x5x5" if compared_with == "rfm_5x5x5" else pair
        for metric, (value, low) in figures.items():
            rows.append((model, compared_with, "all", 0, metric, value, low, 1.0, 9000))
    return pd.DataFrame(rows, columns=list(EVALUATION_COLUMNS))


def test_a_model_at_every_bar_is_proven():
    verdict = judge("stable", STABLE, evaluations(), SETTINGS)
    assert (verdict.outcome, verdict.model_status) == ("passed", "proven")
    assert verdict.criteria["is_met"].all() and len(verdict.criteria) == 8
    assert set(verdict.criteria["compared_with"]) == {"", "value_tiers"}


@pytest.mark.parametrize(
    ("metric", "pair"),
    [
        ("auc", (0.01, -0.005)),
        ("volume_r2", (-0.0101, 0.0)),
        ("habit_r2", (0.0499, 0.01)),
        ("habit_r2", (0.09, 0.0)),
    ],
)
def test_one_missed_criterion_fails_and_is_named(metric, pair):
    verdict = judge("stable", STABLE, evaluations(**{metric: pair}), SETTINGS)
    assert (verdict.outcome, verdict.model_status) == ("failed", "exploratory")
    missed = verdict.criteria[~verdict.criteria["is_met"]]
    assert missed["criterion"].tolist() == [metric]
    assert f"{metric} against value_tiers" in verdict.reason


@pytest.mark.parametrize("bar", [name for name in STABLE if name != "n_studied"])
def test_an_unstable_model_is_not_proven_whatever_it_predicts(bar):
    below = STABLE | {bar: STABLE[bar] - 1e-6}
    for rows in (evaluations(), evaluation_rows([])):
        verdict = judge("exploratory", below, rows, SETTINGS)
        assert (verdict.outcome, verdict.model_status) == ("failed", "exploratory")
        assert bar in verdict.reason


def test_the_strongest_base_is_the_one_to_add_to():
    rows = evaluations()
    assert best_base(rows) == "value_tiers"
    swapped = rows.replace({"model": {"value_tiers": "rfm_5x5x5", "rfm_5x5x5": "value_tiers"}})
    assert best_base(swapped) == "rfm_5x5x5"
    assert best_base(evaluation_rows([])) is None


def test_the_champion_must_not_know_more():
    verdict = judge("stable", STABLE, evaluations(champion={}), SETTINGS)
    assert verdict.outcome == "passed" and len(verdict.criteria) == 11
    for metric, pair in (("auc", (0.0, -0.005)), ("volume_r2", (-0.011, 0)), ("habit_r2", (-0.011, 0))):
        worse = judge("stable", STABLE, evaluations(champion={metric: pair}), SETTINGS)
        assert worse.outcome == "failed" and f"{metric} against champion" in worse.reason


def test_too_few_buyers_decide_nothing():
    rows = evaluations(MIN_BUYERS - 1, auc=(-0.2, -0.3))
    verdict = judge("stable", STABLE, rows, SETTINGS)
    assert (verdict.outcome, verdict.model_status) == ("unproven", "exploratory")
    assert f"{MIN_BUYERS - 1} buyers" in verdict.reason
    assert verdict.criteria["is_met"].isna().sum() == 3


def test_the_same_month_proves_nothing_with_any_number_of_buyers():
    rows = evaluations(10 * MIN_BUYERS, origin="2020-01-02 (same month)")
    verdict = judge("stable", STABLE, rows, SETTINGS)
    assert (verdict.outcome, verdict.model_status) == ("unproven", "exploratory")
    assert "no later month to predict" in verdict.reason and "90 days" in verdict.sentence


def test_without_a_month_ago_nothing_is_proven():
    for unknown in (
        STABLE | {"month_ago_ari": np.nan},
        {k: v for k, v in STABLE.items() if k != "month_ago_ari"},
    ):
        verdict = judge("stable", unknown, evaluations(), SETTINGS)
        assert (verdict.outcome, verdict.model_status) == ("unproven", "exploratory")
        assert "no month ago" in verdict.reason and "60 days" in verdict.sentence


def test_less_evidence_is_never_called_more():
    """Unproven and failed models have the same status: what is not measured lifts nobody."""
    failed = judge("stable", STABLE, evaluations(auc=(-0.2, -0.3)), SETTINGS)
    unproven = judge("stable", STABLE, evaluation_rows([]), SETTINGS)
    assert (failed.outcome, unproven.outcome) == ("failed", "unproven")
    assert failed.model_status == unproven.model_status == "exploratory"


def test_no_groups_and_no_model_say_why():
    none = judge(
        "no_groups", STABLE | {"prediction_strength": 0.2}, evaluation_rows([]), SETTINGS, "One cloud."
    )
    assert (none.outcome, none.model_status, none.sentence) == ("failed", "no_groups", "One cloud.")
    nobody = judge("none", {}, evaluation_rows([]), SETTINGS, "12 customers.")
    assert (nobody.model_status, nobody.sentence) == ("none", "12 customers.") and nobody.criteria.empty


@pytest.mark.parametrize(
    ("evidence", "rows", "said"),
    [
        # 1 - .7 is one and a half times 1 - .8, which takes 2.25 times the customers.
        ({"half_sample_ari": 0.7}, {}, "about 2.3 times as many customers (20,250 instead of 9,000)"),
        ({"half_sample_ari": 0.0}, {}, "more customers alone are unlikely to mend it"),
        ({"min_share": 0.01}, {}, "too small to be used by itself"),
        # The interval must shrink from .02 to .01.
        (
            {},
            {"auc": (0.005, -0.015)},
            "may tell less than value_tiers about who buys; about 4.0 times as many customers",
        ),
        (
            {},
            {"habit_r2": (0.02, 0.01)},
            "add too little to value_tiers about next month's habits; more data are",
        ),
        ({}, {"buyers": 250}, "250 buyers in the months to predict are too few to tell, 500 are needed"),
    ],
)
def test_the_sentence_says_what_is_missing_and_how_much_would_mend_it(evidence, rows, said):
    verdict = judge("exploratory", STABLE | evidence, evaluations(**rows), SETTINGS)
    assert verdict.sentence.startswith("Exploratory: ") and said in verdict.sentence, verdict.sentence
