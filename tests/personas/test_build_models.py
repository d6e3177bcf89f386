"""Which model scores: what the gate and people decide, and what becomes of those that wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import duckdb
import pytest
import shop_simulator
from shop_simulator.catalogue import SWITCHED_TO
from support import WITHOUT_TESTS, House, assert_same

from clientele.personas import score
from clientele.value.rows import model_of

PAPERS = False  # no test here reads what dbt writes about its runs
STATUS = {True: "proven", False: "exploratory"}
SECOND_FIT = (
    "select * replace (2 as fit_number, '20200201-00000000' as model_version) from core.persona_fit_fields"
)


@pytest.fixture(scope="module")
def shop(built_shop, tmp_path_factory) -> House:
    house = built_shop.copy(tmp_path_factory.mktemp("shop"))
    house.decide(gates={1: "passed"}, to="+")
    return house


@pytest.fixture
def own(shop, tmp_path) -> House:
    """Return a copy for a test that changes what is published."""
    return shop.copy(tmp_path)


def champion(house: House) -> list[tuple]:
    return house.rows("select fit_number, decision from core.segment_models where is_champion")


@contextmanager
def standings(
    house: House,
    *decisions: tuple[str, str],
    gates: dict[int, str] | None = None,
    and_fits: str = "",
    layers: str = "none",
) -> Iterator[Callable[[str], list[tuple]]]:
    """Give what core.segment_models would say, by its own SQL, if the gate and people had said this.

    `and_fits` adds rows to core.persona_fit_fields first; `layers` is what the var deep_layers says. Nothing
    is kept, and dbt is not asked again.
    """
    sql = (house.target / "compiled/clientele/models/registry/segment_models.sql").read_text()
    assert sql.count("in ('none', 'none') as has_its_layers") == 1
    sql = sql.replace("in ('none', 'none') as", f"in ('none', '{layers}') as")
    with house.connection(read_only=False) as connection:
        connection.begin()
        if and_fits:
            connection.execute(f"insert into core.persona_fit_fields {and_fits}")
        connection.execute("delete from core.segment_decisions")
        for version, decision in decisions:
            connection.execute(
                "insert into core.segment_decisions values (?, ?, 'the team', 'a test')", [version, decision]
            )
        for number, gate in (gates or {}).items():
            for item, text in (("gate", gate), ("model_status", STATUS[gate == "passed"])):
                connection.execute(
                    "update core.persona_fit_fields set text_value = ? "
                    "where part = 'card' and field = ? and fit_number = ?",
                    [text, item, number],
                )
        yield lambda query: connection.execute(query.format(models=f"({sql})")).fetchall()
        connection.rollback()


def n_labelled(house: House) -> tuple[int, int]:
    """How many users the champion and the challenger label."""
    return (
        house.value("select count(*) from marts.user_segments where segment_id is not null"),
        house.value("select count(*) from marts.user_segments_shadow"),
    )


def test_every_fit_is_judged_and_every_criterion_recorded(shop):
    # Five of refits, three against the best base; there was no champion yet.
    assert shop.value("select count(*) from monitor.segment_gates") == 8
    verdict = shop.value("select gate from core.segment_models")
    missed = shop.value("select count(*) from monitor.segment_gates where verdict = 'missed'")
    assert (verdict == "failed") == (missed > 0)
    assert shop.value("select count(distinct fold) from monitor.segment_evaluations") == 6
    for model in ("personas_x_rfm_5x5x5", "rfm_5x5x5", "log_rfm_x_rules", "gradient_boosting"):
        auc = shop.value(
            f"select value from monitor.segment_evaluations where model = '{model}' "
            "and metric = 'auc' and origin = 'all' and compared_with = ''"
        )
        assert auc > 0.5


def test_training_frame_holds_what_had_happened_by_then(shop):
    origins = shop.rows("select origin_date, count(*) from core.training_frame group by 1 order by 1")
    assert len(origins) == 3 and all(count > 50 for _, count in origins)
    # Sums by hand, from single events: nothing from the origin on, and thirty days after it.
    with shop.connection() as connection:
        bots = "(select user_sk, session_sk from core.user_sessions where is_bot)"
        by_hand = connection.execute(
            f"""
            select origin_date, user_sk, sum((event_at < origin_date)::int),
                max(event_type = 'purchase' and event_at >= origin_date)::int
            from core.events inner join (select user_sk, origin_date from core.training_frame) using (user_sk)
            where (user_sk, session_sk) not in {bots} and event_at < origin_date + interval 30 day
            group by all order by all
            """
        ).fetchall()
        found = connection.execute(
            "select origin_date, user_sk, n_events, outcome_purchase from core.training_frame order by all"
        ).fetchall()
    # a session that runs over an origin counts on neither side of it
    differing = sum(row != expected for row, expected in zip(found, by_hand, strict=True))
    assert differing < 0.02 * len(found)
    assert all(row[2] <= expected[2] for row, expected in zip(found, by_hand, strict=True))


def test_value_at_an_origin_knows_the_visits_up_to_it(shop):
    """The base that personas must add to: worked out from single sessions, by the model in Python."""
    with shop.connection() as connection:
        sessions = connection.sql("from core.user_sessions where not is_bot").df()
        frame = connection.sql("select user_sk, origin_date, value_score from core.training_frame").df()
        fit = connection.sql("from core.value_fits where is_current").df().iloc[0]
    assert len(frame) > 500 and frame["value_score"].notna().all()
    known = frame.merge(sessions, on="user_sk")
    known = known[known["ended_at"] < known["origin_date"]]
    known["day"], known["orders"] = known["started_at"].dt.normalize(), known["n_purchases"] > 0
    keys = ["user_sk", "origin_date", "value_score"]
    days = known.groupby([*keys, "day"], as_index=False).agg(n=("orders", "sum"), revenue=("revenue", "sum"))
    stats = days.assign(is_ordering=days["n"] > 0).groupby(keys, as_index=False)
    stats = stats.agg(
        n_visits=("day", "size"),
        n_ordering_visits=("is_ordering", "sum"),
        n_orders=("n", "sum"),
        revenue=("revenue", "sum"),
        first=("day", "min"),
        last=("day", "max"),
    )
    stats["recency_days"] = (stats["last"] - stats["first"]).dt.days
    stats["age_days"] = (stats["origin_date"] - stats["first"]).dt.days - 1
    scores = model_of(fit).predict(stats)["value_score"]
    assert len(stats) == len(frame)
    assert stats["value_score"].to_numpy() == pytest.approx(scores.to_numpy(), rel=1e-9)
    with shop.connection() as connection:
        bases = connection.sql("select distinct model from monitor.segment_evaluations").df()["model"]
    assert {"value_tiers", "personas_x_value_tiers"} <= set(bases)


def test_what_is_not_proven_is_published_as_exploratory(shop, own):
    labelled = n_labelled(shop)
    assert shop.value("select model_status from core.segment_models") == "proven" and labelled[0] > 100
    own.decide(gates={1: "failed"}, to="+")
    assert champion(own) == [(1, "failed")]
    assert own.value("select model_status from core.segment_models") == "exploratory"
    assert n_labelled(own) == labelled and labelled[1] == 0
    assert own.value("select count(*) from marts.segment_summary where segment_id > 0") > 1


def test_a_rejected_model_labels_nobody(own):
    version = own.value("select model_version from core.segment_models")
    own.decide((version, "reject"), to="+")
    assert champion(own) == [] and n_labelled(own) == (0, 0)
    assert own.value("select count(*) from marts.user_segments where lifecycle_state is null") == 0


def test_people_win_over_the_gate(shop):
    version = shop.value("select model_version from core.segment_models")
    who = "select fit_number, decision, decision_reason from {models} where is_champion"
    with standings(shop, (version, "promote"), gates={1: "failed"}) as said:
        assert said(who) == [(1, "promoted", "the team: a test")]
    for wish in ("promote", "pin"):
        with standings(shop, (version, wish), (version, "reject"), gates={1: "passed"}) as said:
            assert said(who) == []
            assert said("select count(*) from {models} where is_challenger") == [(0,)]
    with standings(shop, gates={1: "passed"}) as said:
        assert said("select fit_number, decision from {models} where is_champion") == [(1, "passed")]


@pytest.mark.parametrize(
    ("first", "second", "pinned", "scores"),
    [
        ("passed", "passed", False, 2),
        ("passed", "failed", False, 1),
        ("passed", "unproven", False, 1),
        # less evidence gives no more: among what is not proven, the newest
        ("unproven", "unproven", False, 2),
        ("unproven", "failed", False, 2),
        ("failed", "unproven", False, 2),
        ("failed", "failed", False, 2),
        ("failed", "passed", True, 1),
    ],
)
def test_a_challenger_replaces_the_champion_only_if_it_passes(shop, first, second, pinned, scores):
    """A second fit, made by hand from the first: only what is said of it decides."""
    version = shop.value("select model_version from core.segment_models where fit_number = 1")
    people = [(version, "pin")] if pinned else []
    with standings(shop, *people, gates={1: first, 2: second}, and_fits=SECOND_FIT) as said:
        assert said("select fit_number from {models} where is_champion") == [(scores,)]
        waiting = said("select fit_number from {models} where is_challenger")
        assert waiting == ([] if scores == 2 else [(2,)])


DEEP_FIT = f"{SECOND_FIT} union all select 2, '20200201-00000000', 'card', 1, 'layers', null, '16 8'"


@pytest.mark.parametrize(
    ("first", "second", "decision", "scores"),
    [
        ("passed", "failed", None, 1),
        # of two linear models the newer one would score
        ("failed", "unproven", None, 1),
        ("failed", "passed", None, 2),
        ("passed", "unproven", "promote", 2),
        ("passed", "passed", "reject", 1),
    ],
)
def test_a_deep_challenger_scores_by_proof_or_by_a_person(shop, first, second, decision, scores):
    people = [("20200201-00000000", decision)] if decision else []
    with standings(shop, *people, gates={1: first, 2: second}, and_fits=DEEP_FIT, layers="16 8") as said:
        assert said("select fit_number, layers from {models} where is_champion") == [
            (scores, "16 8" if scores == 2 else None)
        ]
        waiting = said("select fit_number from {models} where is_challenger")
        assert waiting == ([] if scores == 2 or decision == "reject" else [(2,)])


@pytest.mark.parametrize("layers", ["none", "16 4"])
def test_layers_that_the_sql_of_today_lacks_score_nobody(shop, layers):
    """The units of a model are columns: with others, or none, its scores would be those of another model."""
    people = [("20200201-00000000", "pin")]
    with standings(shop, *people, gates={1: "failed", 2: "passed"}, and_fits=DEEP_FIT, layers=layers) as said:
        assert said("select fit_number from {models} where is_champion") == [(1,)]
        assert said("select count(*) from {models} where is_challenger") == [(0,)]
        (standing, sentence), *_ = said(
            "select model_status, sentence from {models} where layers is not null"
        )
        assert standing == "none" and "layers of 16 8 units" in sentence


def test_a_model_of_other_features_is_not_proven_and_is_fitted_again(shop, own):
    """The features' hash stands in the fit; today's is that of the table of features."""
    today = shop.value("select built_with from core.load_marks where model_name = 'user_feature_values'")
    of_fits = "part = 'card' and field = 'features_hash'"
    assert shop.rows(f"select text_value from core.persona_fit_fields where {of_fits}") == [(today,)]
    standing = "select decision, model_status, are_features_current, gate from core.segment_models"
    assert shop.rows(standing) == [("passed", "proven", True, "passed")]
    with own.connection(read_only=False) as connection:
        connection.execute(f"update core.persona_fit_fields set text_value = 'other' where {of_fits}")
    own.build("--select", "segment_models", "user_segments", *WITHOUT_TESTS)
    assert champion(own) == [(1, "outdated")]
    assert own.rows(standing) == [("outdated", "exploratory", False, "passed")]
    assert "Fit again" in own.value("select sentence from core.segment_models")
    assert own.rows("select distinct model_status from marts.user_segments") == [("exploratory",)]
    own.build("--select", "fit_request", *WITHOUT_TESTS)
    assert own.value("select is_due from core.fit_request")
    # a fit on today's features takes its place, proven or not, and nothing is due any more
    with own.connection(read_only=False) as connection:
        connection.execute(
            f"insert into core.persona_fit_fields {SECOND_FIT};"
            f"update core.persona_fit_fields set text_value = '{today}' where {of_fits} and fit_number = 2"
        )
    own.decide(gates={1: "passed", 2: "failed"})
    assert champion(own) == [(2, "failed")]
    own.build("--select", "fit_request", *WITHOUT_TESTS)
    assert not own.value("select is_due from core.fit_request")


def test_scores_of_sql_and_labels_of_python_are_compared_where_the_features_are_the_same(own):
    """`dbt build --select +drift` makes scores and no labels: of other features nothing can be said."""
    keys = "user_sk, features_hash, model_version"
    compared = f"select count(*) from core.segment_sample_labels join core.centroid_scores using ({keys})"
    assert own.value(compared) == own.value("select count(*) from core.segment_sample_labels") > 100
    for change, succeeds in (
        ("update core.centroid_scores set segment_id = runner_up_segment_id", False),
        ("delete from core.centroid_scores", False),
        ("update core.segment_sample_labels set features_hash = features_hash - sign(features_hash)", True),
    ):
        with own.connection(read_only=False) as connection:
            connection.execute(change)
        assert own.run("--select", "python_and_sql_agree", command=("test",)).succeeded is succeeds


def test_a_request_refits_once_and_unchanged_data_rename_and_move_nobody(shop):
    before = shop.contents("marts")
    version = shop.value("select model_version from core.segment_models")
    with shop.connection(read_only=False) as connection:
        connection.execute(
            "insert into core.segment_decisions values (?, 'refit', 'the team', 'the collection')", [version]
        )
    shop.build("--exclude", "segment_decisions", *WITHOUT_TESTS)
    assert shop.value("select is_due from core.fit_request")
    assert shop.value("select count(*) from core.persona_fit_fields where field = 'is_unchanged'") == 1
    assert_same(shop.contents("marts"), before)
    shop.build("--select", "fit_request", *WITHOUT_TESTS)
    assert not shop.value("select is_due from core.fit_request")
    assert shop.value("select count(*) from core.segment_models") == 1


def test_transitions_are_moves_of_users_with_a_persona(shop):
    shop.build("--select", "segment_transitions", *WITHOUT_TESTS, variables={"min_cell_users": 0})
    rows = shop.rows(
        "select month_date, from_segment_id, to_segment_id, n_users, share, sampled_share "
        "from marts.segment_transitions"
    )
    ids = {number for (number,) in shop.rows("select distinct segment_id from core.persona_scores")}
    assert len({row[0] for row in rows}) == 3
    assert all({row[1], row[2]} <= ids for row in rows)
    assert {row[5] for row in rows} == {1.0}  # a small shop is looked at whole
    totals: dict[tuple, float] = {}
    for month, before, _, _, share, _ in rows:
        totals[month, before] = totals.get((month, before), 0) + share
    assert all(total == pytest.approx(1) for total in totals.values())
    newest = max(row[0] for row in rows)
    stay = sum(row[3] for row in rows if row[0] == newest and row[1] == row[2])
    assert stay / sum(row[3] for row in rows if row[0] == newest) > 0.7


# --- shops with nothing to find


def little_events(house: House, *, purchases: bool) -> None:
    shop_simulator.generate(
        house.folder / "shop", users=900, months=1, seed=3, activity=3.0, file_format="parquet"
    )
    (path,) = (house.folder / "shop" / "events").iterdir()
    condition = "true" if purchases else "event_type != 'purchase'"
    duckdb.sql(f"copy (select * from '{path}' where {condition}) to '{house.lake / path.name}'")


def test_a_shop_where_nobody_buys_has_states_and_no_personas(house):
    little_events(house, purchases=False)
    house.build(*WITHOUT_TESTS, variables={"prediction_heads": "none"})
    status, reason, decision = house.rows("select status, reason, decision from core.segment_models")[0]
    assert (status, decision) == ("none", "no_model")
    assert reason.startswith("No customer with enough events has bought anything")
    found = house.rows("select distinct segment_id, status from marts.user_segments where n_events >= 20")
    assert found == [(None, "no_model")]
    assert house.value("select count(*) from marts.user_segments where lifecycle_state = 'new_visitor'") > 100


# --- the category switch of December 2019


def test_a_category_switch_moves_hardly_anybody(new_house):
    """The same events with and without the switch: who changes the persona under one and the same model.

    Without the canonical taxonomy, which files a product for good under its first code, an event's family is
    that of the code it came with. That is what a product that is another one under each code makes of it.
    """
    plain, switched, raw = new_house(), new_house(), new_house()
    shop = {"users": 1500, "months": 2, "seed": 9, "file_format": "parquet"}
    shop_simulator.generate(plain.folder / "shop", **shop)
    shop_simulator.generate(switched.folder / "shop", **shop, category_switch=date(2019, 11, 1))
    plain.lake, switched.lake = (house.folder / "shop" / "events" for house in (plain, switched))
    for path in switched.lake.iterdir():
        duckdb.sql(
            f"copy (select * replace (case when category_code = '{SWITCHED_TO}' "
            "then product_id + 500000000 else product_id end as product_id) "
            f"from '{path}') to '{raw.lake / path.name}'"
        )
    plain.build("--select", "+segment_weights", "challenger_weights", *WITHOUT_TESTS)
    with plain.connection() as connection:
        weights = connection.table("core.challenger_weights").df()
        if weights.empty:
            weights = connection.table("core.segment_weights").df()
    labels = {}
    for name, house in {"plain": plain, "switched": switched, "raw": raw}.items():
        if house is not plain:
            house.build("--select", "+segment_sample", *WITHOUT_TESTS)
        with house.connection() as connection:
            sample = connection.table("core.segment_sample").df()
        labels[name] = score(sample, weights).set_index("user_sk")["segment_id"]
    moved = {name: float((labels[name] != labels["plain"]).mean()) for name in ("switched", "raw")}
    assert moved["switched"] < 0.02 < moved["raw"], moved
    assert moved["raw"] > 10 * moved["switched"], moved
