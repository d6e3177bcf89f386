"""Cells, and how far the data let a cell speak for itself."""

import numpy as np
import pandas as pd
import pytest

from clientele.learning.cells import (
    CellRates,
    ColumnCells,
    CrossedCells,
    Once,
    QuantileCells,
    RefinedCells,
    estimate_shrinkage,
    quantile_cells,
)


def shop(n=4000, seed=0, strength=20.0, n_cells=80):
    """Users in cells whose rates are draws of a beta distribution with a + b = strength and mean .3."""
    chance = np.random.default_rng(seed)
    cell = chance.integers(n_cells, size=n)
    rate = chance.beta(0.3 * strength, 0.7 * strength, n_cells)[cell]
    frame = pd.DataFrame({"cell": cell, "half": cell % 2, "n": chance.gamma(2, 10, n), "r": rate})
    return frame, pd.DataFrame({"bought": (chance.random(n) < rate).astype(float)})


# --- cells


def test_quantile_cells_hold_as_many_rows_each_and_ties_stay_together():
    values = np.random.default_rng(0).permutation(1000).astype(float)
    sizes = np.bincount(np.searchsorted(quantile_cells(values, 5), values, side="right"))
    assert sizes.tolist() == [200] * 5
    assert quantile_cells(np.r_[np.zeros(90), np.arange(1.0, 11)], 5).tolist() == []
    assert quantile_cells(np.r_[np.zeros(70), np.arange(1.0, 31)], 5).tolist() == [11.0]


def test_a_grid_numbers_every_combination():
    frame = pd.DataFrame({"a": [1.0, 1, 2, 2], "b": [1.0, 2, 1, 2]})
    cells = QuantileCells(["a", "b"], 2).fit(frame)
    assert cells.transform(frame).tolist() == [0, 1, 2, 3]
    assert cells.transform(frame.assign(a=9.0, b=-9.0)).tolist() == [2] * 4
    with pytest.raises(ValueError, match="1 bins for 2 columns"):
        QuantileCells(["a", "b"], [2]).fit(frame)


def test_what_was_not_learnt_is_no_cell():
    learnt = pd.DataFrame({"state": ["a", "b"], "kind": [1, 2]})
    asked = pd.DataFrame({"state": ["b", "c"], "kind": [2, 2]})
    crossed = CrossedCells([ColumnCells("state"), ColumnCells("kind")]).fit(learnt)
    assert crossed.transform(asked).tolist() == [3, -1]


def test_cells_are_cut_until_there_are_as_many_as_asked_for():
    frame, outcomes = shop()
    base = ColumnCells("half")
    for asked in (2, 3, 17, 90):
        cells = RefinedCells(base, ["n", "r"], asked).fit(frame, outcomes)
        found = np.unique(cells.transform(frame), return_counts=True)[1]
        assert len(found) == cells.n_cells_ == asked
        assert found.max() <= 3 * found.min() or asked < 4
    # every cell lies within one of the base's
    pairs = pd.DataFrame({"fine": cells.transform(frame), "half": frame["half"]}).drop_duplicates()
    assert pairs["fine"].is_unique


def test_cells_are_not_cut_where_rows_do_not_differ():
    frame = pd.DataFrame({"state": ["a"] * 9, "n": [1.0] * 8 + [2.0]})
    cells = RefinedCells(ColumnCells("state"), ["n"], 5).fit(frame)
    assert cells.n_cells_ == 2
    assert cells.transform(pd.DataFrame({"state": ["a", "a", "b"], "n": [0.0, 3, 0]})).tolist() == [0, 1, -1]


def test_shared_cells_are_fitted_once_for_a_frame():
    fits = []

    class Counted(ColumnCells):
        def fit(self, frame, *others):
            fits.append(len(frame))
            return super().fit(frame, *others)

    frame, outcomes = shop(n=100)
    shared = Once(Counted("cell"))
    for model in (CellRates([shared]), CellRates([shared, CrossedCells([shared, ColumnCells("half")])])):
        model.fit(frame, outcomes).predict(frame)
    assert fits == [100]
    CellRates([shared]).fit(frame.head(50), outcomes.head(50))
    assert fits == [100, 50]


# --- shrinkage


@pytest.mark.parametrize("strength", [5.0, 20.0, 80.0])
def test_the_strength_of_a_beta_is_found(strength):
    found = []
    for seed in range(8):
        frame, outcomes = shop(20_000, seed, strength, n_cells=300)
        bought = outcomes["bought"].to_numpy()
        found.append(estimate_shrinkage(frame["cell"].to_numpy(), bought - bought.mean()))
    assert np.median(found) == pytest.approx(strength, rel=0.25)


def test_the_ratio_of_variances_is_found_for_amounts():
    chance = np.random.default_rng(3)
    cell = chance.integers(200, size=20_000)
    spent = chance.normal(scale=2.0, size=200)[cell] + chance.normal(scale=6.0, size=20_000)
    assert estimate_shrinkage(cell, spent - spent.mean()) == pytest.approx(9.0, rel=0.3)


def test_cells_that_differ_by_chance_say_nothing():
    chance = np.random.default_rng(4)
    cell = chance.integers(50, size=5000)
    strengths = [estimate_shrinkage(cell, chance.normal(size=5000)) for _ in range(20)]
    # About half of the draws vary less than chance does on the mean; a cell of 100 never speaks mostly for
    # itself.
    assert np.isinf(strengths).sum() >= 5 and min(strengths) > 200
    assert estimate_shrinkage(np.arange(5), chance.normal(size=5)) == np.inf, (
        "one row each: nothing to tell by"
    )


def test_estimated_shrinkage_predicts_better_than_none_and_than_the_mean():
    frame, outcomes = shop(3000, 5, strength=20.0, n_cells=300)

    def error(shrinkage):
        model = CellRates([ColumnCells("cell")], shrinkage).fit(frame, outcomes)
        return ((model.predict(frame)[:, 0] - frame["r"]) ** 2).mean()

    assert error("estimated") < 0.8 * min(error(0.0), error(1e9))


def test_a_narrow_cell_leans_on_the_broader_one():
    # Half 1 buys, half 0 does not; a cell of one buyer in half 0 is a small cell.
    frame = pd.DataFrame({"half": [0] * 50 + [1] * 50, "cell": [7] + [1] * 49 + [2] * 50})
    outcomes = pd.DataFrame({"bought": [1.0] + [0.0] * 49 + [1.0] * 50})
    levels = [ColumnCells("half"), ColumnCells("cell")]
    rates = CellRates(levels, shrinkage=4.0).fit(frame, outcomes).predict(frame)[:, 0]
    broad = CellRates(levels[:1], shrinkage=4.0).fit(frame, outcomes).predict(frame)[:, 0]
    assert broad[0] == pytest.approx(0.51 + (0.02 - 0.51) * 50 / 54)
    assert rates[0] == pytest.approx(broad[0] + (1 - broad[0]) / 5)
    # a cell that nobody was learnt from keeps what the half says
    unknown = pd.DataFrame({"half": [0, 3], "cell": [99, 99]})
    fitted = CellRates(levels, shrinkage=4.0).fit(frame, outcomes)
    assert fitted.predict(unknown)[:, 0].tolist() == pytest.approx([broad[0], 0.51])


def test_outcomes_that_were_not_seen_are_left_out():
    frame = pd.DataFrame({"state": ["a", "a", "b", "b"]})
    outcomes = pd.DataFrame({"price": [1.0, np.nan, 3.0, 3.0], "bought": [1.0, 1.0, 0.0, 0.0]})
    model = CellRates([ColumnCells("state")], shrinkage=0.0).fit(frame, outcomes)
    assert model.predict(frame).tolist() == pytest.approx(np.array([[1, 1], [1, 1], [3, 0], [3, 0]]))
    assert model.n_cells_ == 2


def test_estimated_rates_stay_rates():
    chance = np.random.default_rng(6)
    frame = pd.DataFrame({"a": chance.integers(2, size=500), "b": chance.integers(2, size=500)})
    sure = (frame["a"] + frame["b"] > 0).astype(float)
    rates = CellRates([ColumnCells("a"), ColumnCells("b")]).fit(frame, sure.to_frame("bought"))
    predicted = rates.predict(frame)
    assert predicted.min() >= 0 and predicted.max() <= 1


def test_a_baseline_takes_as_many_cells_as_it_is_given():
    frame, outcomes = shop()
    model = CellRates([ColumnCells("half")], refine_by=["n"])
    assert model.fit(frame, outcomes).n_cells_ == 2
    assert model.match_cells(40).fit(frame, outcomes).n_cells_ == 40
    fixed = CellRates([ColumnCells("half")]).match_cells(40).fit(frame, outcomes)
    assert fixed.n_cells_ == 2, "nothing to cut by"
