"""Whether items of the last order are bought again: on known shops, in a build, and on a real shop."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rescoring import linear
from support import WITHOUT_TESTS, House

from clientele.learning.fields import SCHEMA, part_of, to_fields
from clientele.learning.linear_rows import LOGIT, apply_link
from clientele.predictions import rebuys
from clientele.predictions.grouped import best_threshold, evaluate, f1_score, out_of_time
from clientele.predictions.rebuys import (
    MIN_REPEATS,
    OUTCOME,
    RebuyModel,
    fit_rebuys,
    lacking,
    rebuy_tests,
)
from clientele.predictions.rows import parts_of

REAL = os.environ.get("CLIENTELE_REAL_DATA")
LONG = os.environ.get("CLIENTELE_LONG") == "1"
ORIGINS = [30, 60, 90, 120]


def make_frame(effect: float = 2.0, n_users: int = 400, seed: int = 3) -> pd.DataFrame:
    """Customers whose last order held four products and two brands; some items are for every month."""
    rng = np.random.default_rng(seed)
    parts = []
    for days_back in ORIGINS:
        for level, n_items in (("product", 4), ("brand", 2)):
            n = n_users * n_items
            staple = rng.normal(size=n)
            recency = rng.integers(1, 60, n)
            chance = 1 / (1 + np.exp(-(effect * staple - 1.5 - 0.01 * recency)))
            part = pd.DataFrame(
                {
                    "user_sk": np.repeat(np.arange(1, n_users + 1) * 1_000_003, n_items),
                    "days_back": days_back,
                    "origin_date": pd.Timestamp("2020-06-01") - pd.Timedelta(days=days_back),
                    "item_level": level,
                    "item_id": [str(number) for number in np.tile(np.arange(n_items), n_users)],
                    "item_days_ln": np.log1p(rng.integers(1, 4, n)),
                    "rebuy_orders_ln": np.log1p(rng.integers(1, 6, n)),
                    "rebuy_recency_ln": np.log1p(recency),
                    "item_again_logit": staple,
                    "is_brand": float(level == "brand"),
                    OUTCOME: (rng.random(n) < chance).astype(int),
                }
            )
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return make_frame()


def sources(parts: dict[str, pd.DataFrame]) -> dict[str, str]:
    return dict(zip(parts["head"]["head"], parts["head"]["scored_by"], strict=True))


def test_what_others_buy_again_beats_cells_and_the_whole_last_order(frame):
    parts = parts_of(fit_rebuys(frame, 200))
    assert sources(parts) == {"rebuy_family": "refused", "rebuy_product": "model", "rebuy_brand": "model"}
    own = parts["evaluation"].query("head == 'rebuy_product' and origin == 'all'")
    f1 = own[own["metric"] == "f1"].set_index(["model", "compared_with"])
    assert f1.loc[("model", "all_of_last"), "ci_lo"] > 0.04
    assert f1.loc[("model", "cells"), "value"] > 0.04
    assert set(parts["weight"]["output"]) == {"rebuy"}
    thresholds = parts["parameter"].set_index("output")["weight"]
    assert set(thresholds.index) == {"rebuy_product", "rebuy_brand"} and thresholds.between(0.05, 0.95).all()


def test_where_items_do_not_matter_cells_score():
    assert sources(parts_of(fit_rebuys(make_frame(effect=0.0), 200)))["rebuy_product"] == "cells"


@pytest.mark.parametrize(("n_repeats", "is_refused"), [(MIN_REPEATS - 1, True), (MIN_REPEATS, False)])
def test_repeats_are_refused_to_the_purchase(n_repeats, is_refused):
    outcome = np.r_[np.ones(n_repeats), np.zeros(100)].astype(int)
    rows = pd.DataFrame(
        {
            "item_level": "product",
            "days_back": np.where(np.arange(len(outcome)) % 2, 30, 60),
            OUTCOME: outcome,
        }
    )
    why = lacking(rows, "product", [30, 60])
    assert (f"there are {n_repeats}" in why) is is_refused and bool(why) is is_refused


def test_a_young_shop_gets_refusals_for_each_kind_of_item(frame):
    parts = parts_of(fit_rebuys(frame, 89))
    assert set(sources(parts).values()) == {"refused"} and len(sources(parts)) == 3
    assert parts["head"]["reason"].str.contains("there are 89").all()


def test_the_future_changes_no_backtest_of_an_earlier_day(frame):
    """What was bought after a tested day is not in what is said of it."""
    changed = frame.assign(**{OUTCOME: frame[OUTCOME].where(frame["days_back"] > 60, 1 - frame[OUTCOME])})
    said = []
    for one in (frame, changed):
        tests = [
            (learnt, own, name)
            for learnt, own, name in rebuy_tests(one["days_back"].to_numpy(), ORIGINS)
            if name == "60"
        ]
        features = ["item_days_ln", "rebuy_recency_ln", "item_again_logit"]
        said.append(out_of_time(one, {"model": RebuyModel(features)}, OUTCOME, tests))
    np.testing.assert_array_equal(said[0]["model"], said[1]["model"])
    np.testing.assert_array_equal(said[0]["model_decides"], said[1]["model_decides"])
    assert (said[0]["observed"] != said[1]["observed"]).all()


def test_the_threshold_has_the_largest_f1():
    rng = np.random.default_rng(0)
    chance = np.round(rng.random(300), 2)
    outcome = (rng.random(300) < chance**2).astype(float)
    one = np.ones((1, 300))
    scores = {cut: float(f1_score(outcome, chance >= cut, one)[0]) for cut in np.unique(chance)}
    assert scores[best_threshold(outcome, chance)] == max(scores.values())


def test_intervals_are_drawn_over_customers():
    """Twenty rows of each customer say no more than one: the interval is that of fewer customers."""
    rng = np.random.default_rng(1)
    users = np.arange(60)
    one = pd.DataFrame({"user_sk": users, "origin": "a", "observed": rng.integers(0, 2, 60).astype(float)})
    one["model"] = rng.random(60)
    many = pd.concat([one] * 20, ignore_index=True)
    width = [
        evaluate(table, ["model"], [])
        .query("metric == 'auc' and origin == 'all'")
        .eval("ci_hi - ci_lo")
        .item()
        for table in (one, many)
    ]
    assert width[0] == pytest.approx(width[1], rel=0.05) and width[0] > 0.15


@pytest.fixture(scope="module")
def scored(built_shop, tmp_path_factory) -> House:
    """A built shop in which the head scores: few repeats are enough, and its rows stand beside the fit's."""
    house = built_shop.copy(tmp_path_factory.mktemp("rebuys"))
    with house.connection(read_only=False) as connection:
        table = connection.sql("from core.rebuy_frame").df()
        n_days = connection.sql("select n_days from core.prediction_request").fetchall()[0][0]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rebuys, "MIN_REPEATS", 20)
            patch.setattr(rebuys, "few_positives", lambda *_: "")
            parts = parts_of([row for row in fit_rebuys(table, n_days) if row["row_kind"] != "head"])
        heads = [
            {"head": f"rebuy_{level}", "scored_by": "model", "reason": "a test"} for level in rebuys.LEVELS
        ]
        number, version = connection.sql(
            "select max(fit_number), max(model_version) from core.prediction_fit_fields"
        ).fetchall()[0]
        connection.execute(
            "delete from core.prediction_fit_fields "
            "where part in ('head', 'weight', 'cut', 'cell', 'parameter')"
        )
        parts["head"] = pd.DataFrame(heads)
        kept = {part: parts[part] for part in ("head", "weight", "cut", "cell", "parameter")}
        fields = to_fields(kept, number, version)[list(SCHEMA)]
        connection.register("fields", fields)
        connection.execute("insert into core.prediction_fit_fields by name select * from fields")
    house.build(
        "--select",
        "prediction_heads",
        "prediction_weights",
        "rebuy_scores",
        "customer_rebuys",
        *WITHOUT_TESTS,
    )
    return house


def test_sql_gives_every_item_the_chance_of_python(scored):
    with scored.connection() as connection:
        features = connection.sql("from core.rebuy_features order by user_sk, item_level, item_id").df()
        scores = connection.sql("from core.rebuy_scores order by user_sk, item_level, item_id").df()
        weights = connection.sql("from core.prediction_weights").df()
    expected = apply_link(linear(weights, ["rebuy"]).score(features)[:, 0], LOGIT)
    assert len(scores) > 500 and set(scores["item_level"]) == {"product", "brand", "family"}
    np.testing.assert_allclose(scores["p_again_30d"], expected, rtol=1e-9, atol=1e-12)
    threshold = weights[weights["feature"] == "threshold"].set_index("output")["weight"]
    least = ("rebuy_" + scores["item_level"]).map(threshold)
    known = least.notna()
    assert known.any()
    np.testing.assert_array_equal(
        scores["buys_again"][known].astype(bool), expected[known].round(9) >= least[known].round(9)
    )


def test_items_are_those_of_the_last_order(built_shop):
    wrong = built_shop.value(
        "select count(*) from core.rebuy_features as features left join ("
        "select user_sk, product_id from core.customer_purchases qualify local_date = max(local_date) "
        "over (partition by user_sk)) as last on features.user_sk = last.user_sk "
        "and features.item_id = cast(last.product_id as varchar) "
        "where features.item_level = 'product' and last.user_sk is null"
    )
    n_buyers = built_shop.value("select count(distinct user_sk) from core.customer_purchases")
    assert wrong == 0
    assert built_shop.value("select count(distinct user_sk) from core.rebuy_scores") == n_buyers > 100


def test_a_refused_kind_of_item_has_rows_that_say_so(built_shop):
    verdicts = dict(
        built_shop.rows(
            "select head, outcome from monitor.prediction_gates "
            "where criterion = 'verdict' and head like 'rebuy%'"
        )
    )
    assert set(verdicts) == {"rebuy_product", "rebuy_brand", "rebuy_family"}
    for head, outcome in verdicts.items():
        rows = built_shop.rows(
            f"select distinct status from marts.customer_rebuys where item_level = '{head[6:]}'"
        )
        assert rows == [("refused",)] if outcome == "refused" else rows in ([("predicted",)], [])


def test_what_is_not_expected_again_is_not_published(scored):
    """All of a customer's last order is what a receipt knows."""
    told = scored.rows(
        "select users.user_sk, rebuys.item_level, rebuys.item_id from marts.customer_rebuys as rebuys "
        "inner join core.users as users on rebuys.user_key = users.user_key where rebuys.status = 'predicted'"
    )
    expected = scored.rows("select user_sk, item_level, item_id from core.rebuy_scores where buys_again")
    n_items = scored.value("select count(*) from core.rebuy_scores where p_again_30d is not null")
    assert sorted(told) == sorted(expected)
    assert 0 < len(told) < n_items


@pytest.mark.skipif(not (REAL and LONG), reason="CLIENTELE_REAL_DATA and CLIENTELE_LONG are not set")
def test_of_a_real_wholesaler_more_is_known_than_the_last_order(tmp_path):
    house = House(tmp_path)
    for path in Path(REAL, "uci").iterdir():
        shutil.copy(path, house.lake)
    house.build("--select", "+customer_rebuys", *WITHOUT_TESTS)
    f1 = dict(f1_of(house))
    assert f1["model"] >= 0.31 and f1["model"] >= f1["all_of_last"] + 0.04


def f1_of(house: House) -> list[tuple[str, float]]:
    with house.connection() as connection:
        fields = connection.sql("from core.prediction_fit_fields").df()
    own = part_of(fields, "evaluation").query(
        "head == 'rebuy_product' and metric == 'f1' and origin == 'all'"
    )
    own = own[own["compared_with"].isna() | (own["compared_with"] == "")]
    return list(zip(own["model"], own["value"], strict=True))
