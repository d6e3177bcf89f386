"""What an experiment is said to have brought, against what was planted: nothing, or a known effect.

Arms are drawn, outcomes summed and ratios checked by the project's own SQL, and effects worked out by its own
Python, for hundreds of experiments at once (thousands in the long form).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from populations import World, customers, outcomes
from statsmodels.stats.power import TTestIndPower
from support import IS_LONG

from clientele.experiments.effects import effect_of
from clientele.experiments.rows import EVERYBODY, effect_rows, effects_of
from clientele.experiments.shrinkage import shrunken
from clientele.learning.fields import part_of

PAPERS = False
N_RUNS, N_USERS = (2000, 2000) if IS_LONG else (160, 1500)
REAL = Path(os.environ.get("CLIENTELE_REAL_DATA", "")) / "uci"
MODELS = [
    "experiments",
    *(f"experiment_{name}" for name in ("assignments", "sums", "ratios", "power", "past")),
]


@pytest.fixture(scope="module")
def sql(new_house) -> dict[str, str]:
    house = new_house()
    house.home.mkdir()
    compiled = house.run("--select", *MODELS, command=("compile",))
    assert compiled.succeeded, compiled.said
    return compiled.compiled


@pytest.fixture(scope="module")
def runs(sql) -> tuple[World, pd.DataFrame]:
    """Many experiments, of other customers each; nothing is planted yet."""
    chance, world = np.random.default_rng(11), World(sql)
    names = [f"run_{number:04}" for number in range(N_RUNS)]
    world.define(names)
    people = pd.concat(
        [customers(N_USERS, chance).assign(experiment=name) for name in names], ignore_index=True
    )
    assigned = world.draw(people.drop(columns=["x", "y"]), chance)
    return world, people.merge(assigned[["experiment", "user_sk", "arm"]], on=["experiment", "user_sk"])


def results(world: World, people: pd.DataFrame) -> pd.DataFrame:
    """Return the effects of all runs on revenue, of everybody."""
    assigned = people[["experiment", "user_sk", "arm", "stratum"]]
    world.put("experiment_outcomes", outcomes(assigned, people.drop(columns=["arm", "stratum"])))
    sums = world.build("experiment_sums")
    sums = sums[sums["measure"] == "revenue"]
    found = []
    for name, own in sums.groupby("experiment"):
        is_control = own["is_control"].astype(bool)
        effect = effect_of(own[is_control], own[~is_control])
        found.append({"experiment": name} | vars(effect))
    return pd.DataFrame(found)


def test_each_stratum_is_divided_as_the_shares_say(runs):
    _, people = runs
    counts = people.groupby(["experiment", "stratum"])["arm"].value_counts().unstack(fill_value=0)
    assert (counts["holdout"] - counts["mail"]).abs().max() <= 1
    ones = people.groupby("user_sk")["arm"].apply(lambda arms: (arms == "mail").mean())
    assert abs(ones.mean() - 0.5) < 0.01 and ones.between(0.2, 0.8).all(), "nobody is always in one arm"


def test_nothing_planted_is_rarely_found_and_the_ratio_rarely_alarms(runs):
    world, people = runs
    found = results(world, people)
    share = (found["p_value"] < 0.05).mean()
    low, high = (0.04, 0.06) if IS_LONG else (0.01, 0.1)
    assert low <= share <= high, share
    assert not world.build("experiment_ratios")["has_alarm"].any()
    # customers who leave by chance, as those do who are erased
    stay = people.sample(frac=0.9, random_state=1)
    assigned = stay[["experiment", "user_sk", "arm", "stratum"]]
    world.put("experiment_outcomes", outcomes(assigned, stay.drop(columns=["arm", "stratum"])))
    ratios = world.build("experiment_ratios")
    assert ratios.groupby("experiment")["has_alarm"].any().mean() <= 0.01


def test_what_was_planted_is_recovered_with_the_coverage_that_is_promised(runs):
    world, people = runs
    planted = 2.0
    found = results(world, people.assign(y=people["y"] + planted * (people["arm"] == "mail")))
    covered = ((found["effect_low"] <= planted) & (planted <= found["effect_high"])).mean()
    low, high = (0.94, 0.96) if IS_LONG else (0.9, 0.99)
    assert low <= covered <= high, covered
    error = found["effect"].std() / np.sqrt(len(found))
    assert abs(found["effect"].mean() - planted) < 3 * error + 0.02 * planted
    assert abs(found["standard_error"].mean() / found["effect"].std() - 1) < (0.05 if IS_LONG else 0.15)


@pytest.mark.parametrize(
    ("n_users", "missing", "has_alarm", "share"),
    [
        (20_000, 0.05, True, 0.5),
        (20_000, 0.0, False, 0.5),
        (2_000_000, 0.012, False, 0.5),
        (400, 0.05, False, 0.5),
        # one in twenty of a small arm is 0.45 points of all
        (200_000, 0.05, True, 0.1),
        (200_000, 0.0, False, 0.1),
        (2_000_000, 0.008, False, 0.1),
    ],
)
def test_the_ratio_alarms_for_what_is_large_enough_to_matter(sql, n_users, missing, has_alarm, share):
    """Of two millions one arm has lost less than one in a hundred: no chance, and nobody has to care."""
    world = World(sql)
    world.define(["one"], arms={"holdout": 1 - share, "mail": share})
    world.connection.execute(
        "create table warehouse.core.experiment_outcomes as select 'one' as experiment, range as user_sk, "
        f"case when range % 10 < {10 * (1 - share)} then 'holdout' else 'mail' end as arm "
        f"from range({n_users}) where arm = 'holdout' or range >= {missing} * {n_users}"
    )
    ratios = world.build("experiment_ratios")
    assert ratios["has_alarm"].tolist() == [has_alarm] * 2, ratios
    # the same among those who were reached: everybody is still there, and one arm reaches fewer
    world.connection.execute(
        "insert into warehouse.core.experiment_exposures select 'one', user_sk, arm, timestamp '2020-02-03' "
        "from warehouse.core.experiment_outcomes"
    )
    reached = world.build("experiment_ratios").set_index(["basis", "arm"])["has_alarm"]
    assert reached["exposed"].tolist() == [has_alarm] * 2


@pytest.mark.parametrize("arms", [{"holdout": 0.5, "mail": 0.5}, {"holdout": 0.2, "mail": 0.5, "call": 0.3}])
def test_as_many_customers_are_asked_for_as_statsmodels_says(sql, arms):
    """For customers whose past is a cell each, with the time before taken out."""
    chance, world = np.random.default_rng(3), World(sql)
    world.define(["one"], arms=arms)
    people = customers(4000, chance)
    y, x = (np.minimum(people[name], people[name].quantile(0.99)) for name in "yx")
    today = pd.DataFrame({"experiment": ["one"], "cell": [0], "n_today": [1000], "n_then": [len(people)]})
    sums = {"sum_y": y.sum(), "sum_yy": (y * y).sum(), "sum_x": x.sum(), "sum_xx": (x * x).sum()}
    world.put("experiment_past", today.assign(**sums, sum_xy=(x * y).sum()))
    world.put("experiment_candidates", pd.DataFrame({"experiment": ["one"] * 1000}))
    world.put(
        "experiment_designs",
        pd.DataFrame({"experiment": ["one"], "smallest_effect": 0.1, "horizon_days": 28}),
    )
    world.put(
        "as_of", pd.DataFrame({"first_date": ["2019-01-01"], "as_of_at": ["2020-01-01"]}).astype("M8[us]")
    )
    found = world.build("experiment_power").iloc[0]
    left = y.std() * np.sqrt(1 - np.corrcoef(x, y)[0, 1] ** 2)
    smallest = min(share for name, share in arms.items() if name != "holdout")
    n_control = TTestIndPower().solve_power(
        effect_size=0.1 * y.mean() / left, alpha=0.05, power=0.8, ratio=smallest / arms["holdout"]
    )
    assert found["n_needed"] == pytest.approx(n_control / arms["holdout"], rel=0.1)
    assert found["n_needed"] == pytest.approx(n_control / arms["holdout"], rel=0.01), (
        "closer than is promised"
    )
    assert found["verdict"] == "too_small"
    assert 0 <= found["days_needed"] - 28 * found["n_needed"] / 1000 < 1
    # an effect of the size that is said to be seen is seen four times in five
    assert found["detectable_effect"] == pytest.approx(0.1 * np.sqrt(found["n_needed"] / 1000), rel=0.001)


def test_customers_who_are_away_are_judged_by_those_who_were_away(sql):
    """Of an audience that has not come for a month the last month says nothing: it is zero by definition."""
    world, today = World(sql), pd.Timestamp("2020-03-31")
    world.define(["one"], measure="orders")
    one = pd.DataFrame(
        {"experiment": ["one"], "measure": "orders", "as_of_date": today.date(), "horizon_days": 28}
    )
    world.put("experiment_designs", one)
    days = {
        1: [("2020-01-10", 1), ("2020-02-10", 1)],  # away today, and in another cell a horizon ago
        2: [("2020-01-20", 1), ("2020-03-10", 2), ("2020-03-11", 1)],  # was away (43 days), and came back
        3: [("2020-01-21", 1)],  # was away, and stayed away
        4: [("2020-03-20", 1)],  # not known then
    }
    sessions = pd.DataFrame(
        [(user, pd.Timestamp(day), n, 10.0, False) for user, held in days.items() for day, n in held],
        columns=["user_sk", "started_at", "n_purchases", "revenue", "is_bot"],
    )
    world.put("user_sessions", sessions)
    world.put("profiling_objections", pd.DataFrame({"user_sk": pd.Series([], dtype="int64")}))
    world.put("experiment_candidates", pd.DataFrame({"experiment": "one", "cell": [21, 21, 22]}))
    found = world.build("experiment_past").set_index("cell").sort_index()
    assert found.loc[21, ["n_today", "n_then", "sum_y", "sum_yy"]].tolist() == [2, 2, 2, 4]
    assert found.loc[21, ["sum_x", "sum_xx", "sum_xy"]].tolist() == [0, 0, 0], (
        "nobody ordered in the month before"
    )
    assert found.loc[22, ["n_today", "n_then"]].tolist() == [1, 0], "nobody was like that"


def test_strata_and_the_time_before_are_taken_out_as_a_regression_does():
    """The effect is the coefficient of least squares on arm, strata and x, but for chance in the shares."""
    chance = np.random.default_rng(8)
    people = customers(3000, chance)
    people["arm"] = people.groupby("stratum").cumcount() % 2
    people["y"] += 3.0 * people["arm"]
    frame = people.assign(
        n_customers=1,
        sum_y=people["y"],
        sum_yy=people["y"] ** 2,
        sum_x=people["x"],
        sum_xx=people["x"] ** 2,
        sum_xy=people["x"] * people["y"],
    )
    found = effect_of(frame[frame["arm"] == 0], frame[frame["arm"] == 1])
    design = np.column_stack([people["arm"], people["x"], pd.get_dummies(people["stratum"]).to_numpy(float)])
    solved, squares, *_ = np.linalg.lstsq(design, people["y"].to_numpy(), rcond=None)
    assert found.effect == pytest.approx(solved[0], abs=0.1)
    inverse = np.linalg.inv(design.T @ design)[0, 0]
    error = np.sqrt(squares[0] / (len(people) - design.shape[1]) * inverse)
    assert (found.effect_high - found.effect_low) / (2 * 1.96) == pytest.approx(error, rel=0.02)


def test_before_the_end_only_guardrails_are_worked_out_and_with_wide_intervals(runs):
    world, people = runs
    one = people[people["experiment"] == "run_0000"]
    world.put(
        "experiment_outcomes",
        outcomes(one[["experiment", "user_sk", "arm", "stratum"]], one.drop(columns=["arm", "stratum"])),
    )
    sums = world.build("experiment_sums")
    ended = pd.concat(effects_of(sums, 20))
    assert set(ended["measure"]) == {"revenue"}, "nothing varies in the others"
    assert set(ended["persona"]) == {EVERYBODY, "1", "2", "3", "4", "5"} and set(ended["confidence"]) == {
        0.95
    }
    assert not list(effects_of(sums.assign(is_over=False), 20)), "revenue decides, and is not looked at"
    early = pd.concat(effects_of(sums.assign(is_over=False, measure_role="guardrail"), 20))
    assert set(early["confidence"]) == {0.999}
    width = (early["effect_high"] - early["effect_low"]) / (ended["effect_high"] - ended["effect_low"])
    assert (width > 1.6).all()
    assert {name for found in effects_of(sums, 500) for name in found["persona"]} == {EVERYBODY}


def test_personas_are_judged_together_and_drawn_towards_each_other(runs):
    world, people = runs
    planted = people["y"] + 25.0 * ((people["arm"] == "mail") & (people["persona"] == 3))
    own = people.assign(y=planted)
    own = own[own["experiment"] <= "run_0003"]
    world.put(
        "experiment_outcomes",
        outcomes(own[["experiment", "user_sk", "arm", "stratum"]], own.drop(columns=["arm", "stratum"])),
    )
    for found in effects_of(world.build("experiment_sums"), 20):
        of_personas = found[found["persona"] != EVERYBODY].set_index("persona")
        assert (of_personas["p_adjusted"] >= of_personas["p_value"]).all()
        assert of_personas["p_adjusted"].idxmin() == "3"
        common = of_personas["shrunken_effect"].mean()
        towards = (of_personas["shrunken_effect"] - common).abs() < (
            of_personas["effect"] - common
        ).abs() + 1e-9
        assert towards.mean() >= 0.8
        assert of_personas["shrunken_effect"].idxmax() == "3"


@pytest.mark.parametrize("between", [0.0, 0.5, 1.5])
def test_shrunken_effects_are_nearer_to_the_truth_and_their_intervals_hold_it(between):
    chance = np.random.default_rng(2)
    nearer, held = [], []
    for _ in range(400):
        truth = chance.normal(1.0, between, 8)
        errors = chance.uniform(0.3, 1.2, 8)
        effects = chance.normal(truth, errors)
        means, deviations = shrunken(effects, errors)
        nearer.append(((means - truth) ** 2).sum() / ((effects - truth) ** 2).sum())
        held.append((np.abs(means - truth) < 1.96 * deviations).mean())
    assert np.median(nearer) < {0.0: 0.3, 0.5: 0.5, 1.5: 0.9}[between]
    assert np.mean(held) > 0.94
    alone = shrunken(np.array([2.0, 5.0]), np.array([1.0, 0.5]))
    assert [part.tolist() for part in alone] == [[2.0, 5.0], [1.0, 0.5]], "too few to say how they differ"


def test_effects_are_added_when_the_sums_have_changed(runs):
    world, people = runs
    own = people[people["experiment"] == "run_0000"]
    world.put(
        "experiment_outcomes",
        outcomes(own[["experiment", "user_sk", "arm", "stratum"]], own.drop(columns=["arm", "stratum"])),
    )
    sums = world.build("experiment_sums")
    first = effect_rows(sums, None, 20)
    assert set(first["fit_number"]) == {1} and len(part_of(first, "effects")) == 6
    assert not len(effect_rows(sums.sample(frac=1, random_state=1), first, 20)), "the order says nothing"
    again = effect_rows(sums.assign(sum_y=sums["sum_y"] * 1.01), first, 20)
    assert set(again["fit_number"]) == {2}
    assert not len(effect_rows(sums.iloc[:0], first, 20))


def test_an_arm_in_which_nothing_varies_has_no_effect():
    columns = ["stratum", "n_customers", "sum_y", "sum_yy", "sum_x", "sum_xx", "sum_xy"]
    nobody = pd.DataFrame([["1", 100, 0.0, 0.0, 5.0, 5.0, 0.0]], columns=columns)
    some = pd.DataFrame([["1", 100, 5.0, 5.0, 5.0, 5.0, 1.0]], columns=columns)
    assert effect_of(nobody, some) is None and effect_of(some.iloc[:0], some) is None
    assert effect_of(some, some).effect == 0


@pytest.mark.skipif(not REAL.is_dir(), reason="CLIENTELE_REAL_DATA: the folder with uci/")
@pytest.mark.parametrize("origin", ["2011-06-01", "2011-09-01"])
def test_the_time_before_takes_a_quarter_of_the_variance_of_a_real_shop(origin):
    """Revenue of 90 days at a wholesaler, up to its 99th percentile."""
    import duckdb

    people = duckdb.sql(
        f"""with lines as (
            select user_id, cast(event_time[:10] as date) as day,
                cast(price as double) as spent
            from read_csv('{REAL}/*.csv.gz', all_varchar=true, union_by_name=true) where user_id is not null)
        select user_id,
            sum(case when day >= date '{origin}' and day < date '{origin}' + 90 then spent else 0 end) as y,
            sum(case when day < date '{origin}' and day >= date '{origin}' - 90 then spent else 0 end) as x
        from lines group by user_id having min(day) < date '{origin}' order by user_id"""
    ).df()
    y, x = (np.minimum(people[name], people[name].quantile(0.99)) for name in "yx")
    frame = pd.DataFrame(
        {"n_customers": 1, "sum_y": y, "sum_yy": y * y, "sum_x": x, "sum_xx": x * x, "sum_xy": x * y}
    )
    frame["stratum"], arm = "", np.random.default_rng(1).random(len(frame)) < 0.5
    assert effect_of(frame[~arm], frame[arm]).variance_share <= 0.75


def test_a_share_of_those_reached_hangs_on_no_single_customer(sql):
    """Of a small experiment nothing is told; of a larger one, counts in steps, as its size is."""
    world = World(sql)

    def told(n_assigned: int, n_exposed: int) -> tuple[float | None, float | None]:
        ratios = pd.DataFrame(
            {
                "experiment": "one",
                "arm": ["holdout", "mail", "mail"],
                "basis": ["assigned", "assigned", "exposed"],
                "n_customers": [n_assigned, n_assigned, n_exposed],
                "n_crossed": [1, 0, 0],
                "has_alarm": False,
            }
        )
        world.put("experiment_ratios", ratios)
        return world.connection.sql(
            f"select reached_share, crossed_share from ({sql['experiments']})"
        ).fetchall()[0]

    world.define(["one"])
    texts = ["label", "label_fr", "description", "owner_name", "purpose", "file_name", "audience"]
    missing = {
        "designs": {"starts_date": "date", "smallest_effect": "double", "control_arm": "varchar"}
        | dict.fromkeys([*texts, "playbook_measure"], "varchar"),
        "standings": {"n_assigned": "bigint", "detectable_effect": "double", "reason": "varchar"},
        "power": {"n_customers": "bigint", "n_needed": "bigint", "days_needed": "integer"},
    }
    for table, columns in missing.items():
        for name, kind in columns.items():
            world.connection.execute(f"alter table warehouse.core.experiment_{table} add {name} {kind}")
    # customers are counted in steps of 10, and 20 are the smallest group
    assert told(9, 5) == (None, None)
    assert told(15, 5) == (None, 0.0)
    assert told(2000, 1500) == (0.75, 0.0)
    assert len({told(40, n_exposed) for n_exposed in range(15, 25)}) == 1
