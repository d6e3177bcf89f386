"""The deep challenger: the judge that every model has, and SQL that scores its layers exactly."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml
from learning.heads import compiled
from personas.test_evaluation import CATALOG, STUDY, make_frame
from personas.test_gate import STABLE, evaluations
from support import IS_LONG, ROOT

from clientele.learning.fields import part_of, to_fields
from clientele.personas import Settings, challengers, fit_personas, reasons, score
from clientele.personas.challengers import compare_models
from clientele.personas.fit import PersonaFit
from clientele.personas.gate import judge
from clientele.personas.pipeline import space_of
from clientele.personas.rows import fit_rows
from clientele.personas.scoring import UNIT, feature_names, hash_weights, segment_ids
from clientele.personas.sequences import N_STEPS, ElmanCodes, encode

SETTINGS = Settings(
    as_of=date(2020, 4, 30),
    max_k=3,
    n_repeats=2,
    n_init=2,
    n_nulls=2,
    null_users=300,
    n_workers=1,
    layers=(6, 4),
)


def catalog() -> pd.DataFrame:
    described = yaml.safe_load((ROOT / "models/customers/user_features.yml").read_text())
    names = [
        (column["name"], column["config"]["meta"]["feature_block"])
        for column in described["models"][0]["columns"]
        if "feature_block" in column.get("config", {}).get("meta", {})
    ]
    return pd.DataFrame(names, columns=["feature", "block"])


def customers(n_users: int = 400) -> pd.DataFrame:
    """Three groups, one of which lies on both sides of the others: no line tells it from them."""
    chance = np.random.default_rng(2)
    group = np.arange(n_users) % 3
    names = catalog()["feature"]
    values = chance.normal(size=(n_users, len(names)))
    values[:, :15] += 2.2 * np.where(group == 0, 0, np.where(group == 1, 1, -1))[:, None]
    values[:, 15:] += 2.2 * (group == 0)[:, None]
    frame = pd.DataFrame(values, columns=names).assign(user_sk=chance.permutation(n_users) + 1)
    return frame.assign(n_orders=1, n_carts=1, revenue=20.0)


@pytest.fixture(scope="module")
def fit() -> PersonaFit:
    found = fit_personas(customers(), catalog(), SETTINGS)
    assert found.k >= 2, found.reason
    return found


def test_rows_of_layers_give_the_labels_of_the_network(fit):
    users = customers().sort_values("user_sk", ignore_index=True)
    names = catalog()["feature"].tolist()
    space = space_of(SETTINGS).fit(users[names].to_numpy())
    points, labels = space.transform(users[names].to_numpy()), fit.labels["segment_id"].to_numpy()
    centroids = np.array([points[labels == segment].mean(axis=0) for segment in segment_ids(fit.weights)])
    distances = ((points[:, None] - centroids) ** 2).sum(axis=2)
    np.testing.assert_array_equal(segment_ids(fit.weights)[distances.argmin(axis=1)], labels)
    np.testing.assert_allclose(
        np.diff(np.sort(distances)[:, :2])[:, 0], fit.labels["margin"], rtol=1e-6, atol=1e-6
    )
    assert fit.n_mismatches == 0 and space.explained_variance_ > 0.3
    # a unit that is never at 0 would be one more axis
    units = np.maximum(
        space.standardise(users[names].to_numpy()) @ space.matrix_ @ space.layers_[0][0]
        + space.layers_[0][1],
        0,
    )
    assert 0.02 < (units == 0).mean() < 0.98


def test_order_of_rows_changes_no_bit(fit):
    again = fit_personas(customers().sample(frac=1, random_state=3), catalog(), SETTINGS)
    pd.testing.assert_frame_equal(again.weights, fit.weights, check_exact=True)
    assert again.model_version == fit.model_version
    shuffled = fit.weights.sample(frac=1, random_state=1)
    assert hash_weights(shuffled) == hash_weights(fit.weights)
    pd.testing.assert_frame_equal(score(customers(), shuffled), fit.labels, check_exact=True)


def test_reasons_are_told_in_features_and_add_up(fit):
    found = reasons(customers(), fit.weights, top=None)
    assert set(found["feature"]) == set(feature_names(fit.weights)) and not any(
        found["feature"].str.startswith(UNIT)
    )
    by_user = found.groupby("user_sk")
    np.testing.assert_allclose(
        by_user["contribution"].sum() + by_user["constant"].first(),
        fit.labels["margin"],
        rtol=1e-9,
        atol=1e-9,
    )


def scoring_statement(folder: Path, layers: str) -> str:
    """Return the project's macro as dbt renders it with these layers."""
    inline = (
        "with features as (select * from some_features), {{ clientele.persona_score_ctes('features') }} "
        "select * from persona_scores order by user_sk"
    )
    ran = compiled(inline, folder, deep_layers=layers)
    assert ran.success, ran.exception
    return re.sub(r"\S+segment_weights\S*", "some_weights", ran.result.results[0].node.compiled_code)


@pytest.fixture(scope="module")
def statement(tmp_path_factory) -> str:
    return scoring_statement(tmp_path_factory.mktemp("rendering"), "6 4")


def assert_same_in_sql(statement: str, model: PersonaFit) -> None:
    """Score the customers in DuckDB, from rows that have been through text."""
    numbers = ["weight", "feature_mean", "clip_lo", "clip_hi"]
    text = model.weights.assign(**{name: model.weights[name].map("{:.12g}".format) for name in numbers})
    columns = ", ".join(f"cast({name} as double) as {name}" for name in numbers)
    with closing(duckdb.connect(config={"threads": 2})) as connection:
        connection.register("some_features", customers())
        connection.register("text", text)
        connection.execute(f"create table some_weights as select * replace ({columns}) from text")
        found = connection.execute(statement).df()
    for name in ("user_sk", "segment_id", "runner_up_segment_id"):
        np.testing.assert_array_equal(found[name], model.labels[name])
    np.testing.assert_allclose(found["margin"], model.labels["margin"], rtol=1e-9, atol=1e-9)
    told = reasons(customers(), model.weights).pivot(index="user_sk", columns="reason_rank", values="feature")
    for rank in (1, 2, 3):
        assert (found[f"reason_feature_{rank}"].to_numpy() == told[rank].to_numpy()).mean() > 0.99


def test_sql_gives_labels_margins_and_reasons_of_python(statement, fit):
    assert_same_in_sql(statement, fit)


def test_a_linear_model_scores_the_same_beside_layers(statement):
    assert_same_in_sql(statement, fit_personas(customers(), catalog(), replace(SETTINGS, layers=())))


@pytest.mark.skipif(
    not IS_LONG, reason="CLIENTELE_LONG=1: dbt renders one statement for each kind of network"
)
@pytest.mark.parametrize("layers", ["7", "9 6 4"])
def test_any_number_of_layers_is_scored(tmp_path, layers):
    sizes = tuple(map(int, layers.split()))
    model = fit_personas(customers(), catalog(), replace(SETTINGS, layers=sizes))
    assert model.k, model.reason
    assert_same_in_sql(scoring_statement(tmp_path, layers), model)


# --- the judge


def test_more_parameters_have_to_tell_more():
    deep = replace(SETTINGS, as_of=date(2020, 1, 31))
    as_good = evaluations(champion={"habit_r2": (0.0, -0.001)})
    assert judge("stable", STABLE, as_good, replace(deep, layers=())).outcome == "passed"
    verdict = judge("stable", STABLE, as_good, deep)
    assert verdict.outcome == "failed" and "habit_r2 against champion_x_value_tiers" in verdict.reason
    assert (
        judge("stable", STABLE, evaluations(champion={"habit_r2": (0.01, 0.001)}), deep).outcome == "passed"
    )
    # without a model to be held against nothing is shown
    assert judge("stable", STABLE, evaluations(), deep).outcome == "unproven"


def test_a_cloud_without_groups_has_none_when_it_is_bent():
    cloud = pd.DataFrame(np.random.default_rng(5).normal(size=(500, 8)), columns=list("abcdefgh"))
    about = pd.DataFrame({"feature": list("abcdefgh"), "block": "one"})
    found = fit_personas(cloud.assign(user_sk=range(1, 501)), about, replace(SETTINGS, n_nulls=9))
    assert (found.status, found.k) == ("none", 0) and found.reason.startswith("No groups: ")
    assert len(found.diagnostics), "the figures behind it are kept"


# --- as rows


def frames(is_due: bool = True) -> dict[str, pd.DataFrame]:
    nothing = pd.DataFrame({"user_sk": [], "origin_date": []})
    return {
        "request": pd.DataFrame({"is_due": [is_due], "champion_version": [None], "features_hash": ["f"]}),
        "sample": customers(),
        "catalog": catalog().assign(scale="plain", label=lambda table: table["feature"], basis="users"),
        "replicates": pd.DataFrame(columns=["half"]),
        "training": nothing,
        "as_of": pd.DataFrame({"as_of_at": [pd.Timestamp("2020-04-30")], "first_date": [date(2020, 1, 1)]}),
        "names": pd.read_csv(ROOT / "seeds" / "segment_names.csv"),
        "families": pd.DataFrame({"family_rank": range(1, 6), "category_family": list("abcde")}),
    }


def test_it_is_fitted_beside_the_linear_model_and_keeps_its_ids(monkeypatch):
    import clientele.personas.rows as rows

    small = {
        name: getattr(SETTINGS, name)
        for name in ("n_repeats", "n_init", "n_nulls", "null_users", "n_workers")
    }
    monkeypatch.setattr(rows, "Settings", lambda **given: Settings(**given | small))
    found = fit_rows(frames(), None, max_segments=3, sample_users=10_000, layers=(6, 4))
    cards = part_of(found, "card").set_index("fit_number")
    assert cards["layers"].isna().tolist() == [True, False] and cards["layers"].iloc[1] == "6 4"
    # a judge without a later month: a challenger, and nothing more
    assert cards["gate"].tolist() == ["unproven", "unproven"]
    weights = part_of(found, "weight")
    ids = {number: set(segment_ids(own)) for number, own in weights.groupby("fit_number")}
    labels = [
        score(
            customers(),
            weights[weights["fit_number"] == number].astype({"segment_id": int, "feature_position": int}),
        )
        for number in (1, 2)
    ]
    same = labels[0]["segment_id"] == labels[1]["segment_id"]
    assert len(ids[1] & ids[2]) >= 2 and same.mean() > 0.5
    of_names = part_of(found, "name")
    assert set(of_names.loc[of_names["fit_number"] == 2, "segment_id"]) == ids[2]
    assert not fit_rows(frames(is_due=False), found, max_segments=3, sample_users=10_000, layers=(6, 4)).size
    # asked again, both say that they are the same
    again = fit_rows(frames(), found, max_segments=3, sample_users=10_000, layers=(6, 4))
    assert set(again["part"]) == {"unchanged"} and set(again["model_version"]) == set(found["model_version"])
    assert to_fields({}).columns.tolist() == found.columns.tolist()


# --- sequences, for the record


def histories(n_users: int = 150, seed: int = 0) -> pd.DataFrame:
    """Events of customers who do the same as often: half by one order in every session, half by none."""
    chance = np.random.default_rng(seed)
    kinds = np.array(["view"] * 6 + ["cart"] * 2, dtype=object)
    found = []
    for row in range(n_users):
        steps = np.concatenate([kinds if row % 2 else chance.permutation(kinds) for _ in range(5)])
        at = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(len(steps)), unit="h")
        found.append(
            pd.DataFrame(
                {"row": row, "event_type": steps, "session_sk": np.arange(len(steps)) // 8, "event_at": at}
            )
        )
    return pd.concat(found, ignore_index=True).assign(product_id=1)


def test_steps_are_the_newest_events_in_their_order():
    events = histories(2)
    long = pd.concat([events[events["row"] == 0].assign(product_id=number) for number in range(2)])
    long = long.assign(event_at=pd.date_range("2020-01-01", periods=80, freq="5min"))
    rows, steps, lengths = encode(pd.concat([long, events[events["row"] == 1]], ignore_index=True))
    assert rows.tolist() == [0, 1] and lengths.tolist() == [N_STEPS, 40]
    assert (steps[0, :, :4].sum(axis=1) == 1).all() and not steps[1, 40:].any()
    assert np.flatnonzero(steps[1, :40, 4]).tolist() == [0, 8, 16, 24, 32]
    # the first step knows of none before; the product changes once in 80 events, and 64 are left
    assert (steps[0, 0, 5], steps[0, :, 5].sum()) == (0, 62)
    assert steps[0, 1, 6] == pytest.approx(np.log1p(5) / 5) and steps[0, 0, 6] == 0


def test_a_code_tells_orders_that_counts_do_not():
    events = histories()
    rows, steps, lengths = encode(events)
    network = ElmanCodes(n_units=6, n_epochs=40).fit(steps, lengths)
    codes, is_first_half = network.transform(steps, lengths), np.arange(len(rows)) % 2 == 0
    counts = steps.sum(axis=1)[:, :4]
    assert (counts == counts[0]).all()
    # the order of one half is foreseen
    assert network.loss_ < 0.9
    sides = codes[is_first_half], codes[~is_first_half]
    gap, spread = np.abs(sides[0].mean(axis=0) - sides[1].mean(axis=0)), sides[0].std(axis=0)
    assert (gap > 3 * spread).any()
    again = ElmanCodes(n_units=6, n_epochs=40).fit(steps, lengths).transform(steps, lengths)
    np.testing.assert_array_equal(again, codes)
    # what comes after the end of a history does not count
    shorter = np.minimum(lengths, 16)
    cut = steps * (np.arange(N_STEPS) < 16)[:, None]
    np.testing.assert_allclose(network.transform(steps, shorter), network.transform(cut, shorter))


def test_networks_stand_before_the_judge_of_the_linear_model(monkeypatch):
    # so few customers have to be seen more often
    monkeypatch.setattr(challengers, "ElmanCodes", partial(ElmanCodes, n_units=6, n_epochs=60))
    frame = make_frame(500, n_origins=2)
    today = frame[frame["origin_date"] == frame["origin_date"].max()].reset_index(drop=True)
    moments = pd.concat([today[["user_sk"]].assign(origin_date=None), frame[["user_sk", "origin_date"]]])
    events = histories(len(moments))
    of_row = moments.reset_index(drop=True).loc[events["row"]].reset_index(drop=True)
    given = {
        "sample": today,
        "catalog": CATALOG,
        "replicates": pd.DataFrame(columns=["half"]),
        "training": frame.assign(origin_date=pd.to_datetime(frame["origin_date"])),
        "events": events.assign(user_sk=of_row["user_sk"], origin_date=pd.to_datetime(of_row["origin_date"])),
    }
    settings = replace(SETTINGS, layers=(), max_k=3)
    found = compare_models(given, (4, 2), settings, replace(STUDY, n_folds=2, n_trees=0, n_bootstraps=20))
    assert found["model"].tolist() == ["linear", "autoencoder", "recurrent"]
    # a quarter has taught the recurrent network
    assert found["n_users"].tolist() == [500, 500, 375]
    linear, autoencoder, recurrent = found.to_dict("records")
    assert linear["n_personas"] >= 2 and linear["habit_r2_gain"] > 0.1
    assert np.isnan(linear["habit_r2_over_linear"]) and autoencoder["habit_r2_over_linear"] < 0.1
    # sequences here say nothing of the habits
    assert recurrent["n_personas"] == 2, recurrent["why"]
    assert recurrent["habit_r2_gain"] < 0.05 and recurrent["habit_r2_over_linear"] < -0.05
    assert set(found["outcome"]) <= {"failed", "unproven"}
