"""Whoever leaves a shop, no published table of groups shows it: each figure stays, or moves by one step.

Every table of groups is in it, as the manifest lists them. The statements are those that dbt renders; DuckDB
runs them on a built shop, without one customer at a time. What is pinned (the usual order, families) stays.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter

import duckdb
import pandas as pd
import pytest
from dbt.contracts.graph.manifest import Manifest
from support import IS_LONG, House, parsed

PAPERS = False
GREATEST, ROBOT = "the greatest spender", "a robot"
N_OTHERS = 60 if IS_LONG else 10
# Kept, and made of customers alone: what is left of them is what a build would count again.
COUNTED_AGAIN = {
    *("described_days", "described_products", "described_values", "audience_sizes"),
    *("feature_statistics", "challenger_statistics"),
}
# Kept as they are on purpose, so that nobody's leaving shows in them: what a fit measured, what days of the
# past have fixed (measured anew after an erasure: docs/decisions/0059), drawings, books of loads, products.
KEPT = {
    *("persona_fit_fields", "persona_study_fields", "prediction_fit_fields", "forecast_fit_fields"),
    *("item_fit_fields", "experiment_fit_fields", "experiment_drawings"),
    *("shop_priors", "feature_priors", "family_prices", "products"),
    *("event_files", "side_files", "touched_days", "daily_events"),
}
# Worked out from columns that are published.
OF_PUBLISHED = {
    *("net_revenue", "top_categories", "top_brands"),
    # of head_worth
    *("order_value", "total_cost", "worth_low", "worth", "worth_high", "smallest_effect", "holdout_share"),
}
# Stands on what customers did; its figures are those of data_months.
OF_LABELS = ["data_traps"]


def tags_of(node) -> dict[str, dict]:
    return {name: (column.config.meta or column.meta or {}) for name, column in node.columns.items()}


def tables_of_groups(manifest: Manifest) -> dict[str, dict[str, dict]]:
    """Return the tags of the columns of each table that has to end with published_cells, by name."""
    nodes = [node for node in manifest.nodes.values() if node.resource_type == "model"]
    return {
        node.name: tags_of(node)
        for node in nodes
        if any(tags.get("disclosure") == "size" for tags in tags_of(node).values())
    }


def with_steps(manifest: Manifest) -> None:
    """Let published_cells say its steps, a statement of features hold them all, and a sample be no whole."""
    transitions = manifest.nodes["model.clientele.segment_transitions"]
    whole = "n_sample = 10000"  # of more customers than this shop has
    assert transitions.raw_code.count(whole) == 1
    transitions.raw_code = transitions.raw_code.replace(whole, "n_sample = 2000")
    macro = manifest.macros["macro.clientele.duckdb__features_at_once"]
    macro.macro_sql = "{% macro duckdb__features_at_once() %}{{ return(1000) }}{% endmacro %}"
    macro = manifest.macros["macro.clientele.published_cells"]
    ends = "{% endfor %}\n    from (\n        select\n            measured.*"
    assert macro.macro_sql.count(ends) == 1
    steps = (
        "{% endfor %}{% for name, tag in tags.items() if tag.get('disclosure') == 'figure' %}, "
        "step_{{ tag.get('like') or name }} as step_of_{{ name }}{% endfor %}"
    )
    macro.macro_sql = macro.macro_sql.replace(ends, steps + ends.removeprefix("{% endfor %}"))


@dataclass
class Shop:
    """A warehouse that one customer at a time leaves, and the statements of what is published of it."""

    connection: duckdb.DuckDBPyConnection
    tables: dict[str, dict[str, dict]]
    types: dict[str, dict[str, str]]
    people: list[tuple[str, str]]
    statements: dict[str, tuple[str, str]]
    kept: set[str]

    def published(self, user_sk: int | None = None) -> dict[str, pd.DataFrame]:
        """Return what is published when this customer has left."""
        self.connection.execute("begin")
        try:
            if user_sk is not None:
                key = self.connection.execute(
                    "select user_key from core.users where user_sk = $1", [user_sk]
                ).fetchone()
                for relation, column in self.people:
                    value = key[0] if column == "user_key" else user_sk
                    self.connection.execute(f"delete from {relation} where {column} = $1", [value])
            for relation, statement in self.statements.values():
                self.connection.execute(f"create or replace table {relation} as {statement}")
            return {
                name: self.connection.table(self.statements[name][0]).df()
                for name in (*self.tables, *OF_LABELS)
                if name in self.statements
            }
        finally:
            self.connection.execute("rollback")


def statements(
    house: House, manifest: Manifest, tables: dict[str, dict]
) -> tuple[dict[str, tuple[str, str]], set[str]]:
    """Return relation and statement of what is built again when a customer leaves, in the order of builds.

    And the names of what these read that is neither built again nor about people, who are taken out of it.
    """
    models = {name: node for name, node in manifest.nodes.items() if node.resource_type == "model"}
    again: dict[str, set[str]] = {}
    stays: set[str] = set()
    waiting = [name for name, node in models.items() if node.name in (*tables, *OF_LABELS)]
    while waiting:
        name = waiting.pop()
        node = models[name]
        kept = node.config.materialized not in ("table", "view") and node.name not in COUNTED_AGAIN
        about_people = node.config.meta.get("data_subject") == "user"
        if name in again or about_people:
            continue
        if node.language != "sql" or kept or node.schema == "vault":
            stays.add(node.name)
            continue
        again[name] = {parent for parent in node.depends_on.nodes if parent in models}
        waiting += again[name]
    order = [models[name] for name in TopologicalSorter(again).static_order() if name in again]
    names = [node.name for node in order]
    ran = house.run("--full-refresh", "--select", *names, command=("compile",), change=with_steps)
    assert ran.succeeded, ran.said[-2000:]
    found = {
        node.name: (f"warehouse.{node.schema}.{node.alias}", ran.compiled[node.name])
        for node in order
        if node.config.materialized != "view"
    }
    return found, stays


def with_a_challenger(shop: Shop) -> None:
    """Let the model wait for a promotion as well, with personas of which one customer in five has another."""
    relation, statement = shop.statements["segment_models"]
    shop.statements["segment_models"] = (
        relation,
        f"select * replace (is_champion as is_challenger) from ({statement}) as models",
    )
    shop.connection.execute(
        "insert into core.challenger_scores select user_sk, case when user_sk % 5 = 0 then 1 + user_sk % 3 "
        "else segment_id end, runner_up_segment_id, margin from core.persona_scores"
    )


@pytest.fixture(scope="module")
def shop(built_shop, tmp_path_factory) -> Iterator[Shop]:
    house = built_shop.copy(tmp_path_factory.mktemp("differencing"))
    manifest = parsed()
    tables = tables_of_groups(manifest)
    types = {
        node.name: {name: column.data_type for name, column in node.columns.items()}
        for node in manifest.nodes.values()
        if node.name in tables
    }
    found, kept = statements(house, manifest, tables)
    with house.connection(read_only=False) as connection:
        there = {
            (s, t)
            for s, t in connection.execute(
                "select schema_name, table_name from duckdb_tables() where database_name = 'warehouse'"
            ).fetchall()
        }
        people = [
            (f"warehouse.{node.schema}.{node.alias}", name)
            for node in manifest.nodes.values()
            if node.resource_type == "model" and (node.schema, node.alias) in there and node.schema != "vault"
            for name, tags in tags_of(node).items()
            if tags.get("subject_key") in ("user_sk", "user_key")
        ]
        connection.execute("use warehouse")
        made = Shop(connection, tables, types, people, found, kept)
        with_a_challenger(made)
        yield made


def with_a_great_spender_and_a_robot(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Give one customer an order of 18,765.43 and another a visit of 2,500 views, in all tables of people."""
    spender, robot = (
        row[0]
        for row in connection.execute(
            "select user_sk from core.user_feature_values inner join core.users using (user_sk) "
            "inner join marts.user_segments using (user_key) where n_orders > 1 order by user_sk limit 2"
        ).fetchall()
    )
    connection.execute(
        "create temp table great_order as select session_sk, user_sk, event_at from core.events "
        f"where user_sk = {spender} and event_type = 'purchase' order by event_at limit 1"
    )
    for table, its in {
        "user_sessions": "session_sk = (select session_sk from great_order)",
        "customer_months": "month_date = (select date_trunc('month', event_at) from great_order)",
        "customer_orders": "sales_date = (select cast(event_at as date) from great_order)",
        "customer_visits": "true",
        "user_feature_values": "true",
    }.items():
        connection.execute(
            f"update core.{table} set revenue = revenue + 18765.43 where user_sk = {spender} and {its}"
        )
    connection.execute(
        "update core.events set price = price + 18765.43 from great_order "
        "where events.user_sk = great_order.user_sk and events.event_at = great_order.event_at "
        "and events.event_type = 'purchase' and events.session_sk = great_order.session_sk"
    )
    connection.execute(
        "create temp table visit as select * from core.user_sessions where not is_bot and "
        f"user_sk = {robot} order by started_at limit 1"
    )
    connection.execute(
        "insert into core.user_sessions by name select * replace (-1 as session_sk, true as is_bot, "
        "2500 as n_events, 2500 as n_views, 0 as n_carts, 0 as n_removes, 0 as n_purchases, "
        "0 as revenue) from visit"
    )
    connection.execute(
        "insert into core.events by name select events.* replace (-1 as session_sk, 'view' as event_type, "
        "product_id + range as product_id) from (select events.* from core.events "
        "inner join visit using (session_sk) limit 1) as events, range(2500)"
    )
    connection.execute(
        "update core.described_customers set n_events = n_events + 2500, n_view = n_view + 2500 "
        f"where user_sk = {robot} and month_date = (select date_trunc('month', started_at) from visit)"
    )
    return {GREATEST: spender, ROBOT: robot}


@pytest.fixture(scope="module")
def leavers(shop) -> dict[str, int]:
    """Return who leaves: the greatest spender, a robot, the smallest spender and others, seeded."""
    connection = shop.connection
    found = with_a_great_spender_and_a_robot(connection)
    buyers = [
        row[0]
        for row in connection.execute(
            "select user_sk from core.user_feature_values where revenue > 0 order by revenue, user_sk"
        ).fetchall()
    ]
    others = random.Random(11).sample(buyers[1:-1], N_OTHERS)
    return found | {"the smallest": buyers[0]} | {f"another, {n}": user for n, user in enumerate(others)}


def moves(
    tags: dict[str, dict], types: dict[str, str], before: pd.DataFrame, after: pd.DataFrame
) -> Iterator[str]:
    """Say what somebody sees who has both publications, and that no single customer may move."""
    told = [name for name in tags if name not in OF_PUBLISHED]
    labels = [name for name in told if tags[name]["disclosure"] == "label"]
    size = next(name for name, tag in tags.items() if tag["disclosure"] == "size")
    first, second = (
        frame.set_index(pd.Index(["|".join(map(str, row)) for row in frame[labels].itertuples(index=False)]))
        for frame in (before, after)
    )
    gone = first.index.symmetric_difference(second.index)
    both = first.index.intersection(second.index)
    for key in gone:
        yield f"row {key}: {(first if key in first.index else second).loc[key, size]} customers"
    for name, tag in tags.items():
        if tag["disclosure"] == "label" or name in OF_PUBLISHED:
            continue
        old, new = (frame.loc[both, name].astype(float) for frame in (first, second))
        if tag["disclosure"] == "size":
            steps = [pd.Series(10.0, both)] * 2
        else:
            steps = [frame.loc[both, f"step_of_{name}"].astype(float) for frame in (first, second)]
        hidden = old.isna() != new.isna()
        moved = (new - old).abs() > pd.concat(steps, axis=1).max(axis=1) * 1.000001
        # the step of a share, a mean or a lift follows it: it may be the next one where it lies between two
        is_sum = not types[name].startswith("double")
        other_step = is_sum & (steps[0] != steps[1]) & steps[0].notna() & steps[1].notna()
        for what, where in {"hidden": hidden, "moved": moved, "step": other_step}.items():
            for key in both[where.to_numpy()]:
                yield f"{name} {what} {key}: {old[key]} {new[key]} steps {steps[0][key]} {steps[1][key]}"


def test_every_table_of_groups_is_tested(shop):
    """None is forgotten: what the manifest lists is built, whoever adds a table."""
    assert len(shop.tables) > 25 and not [name for name in shop.tables if name not in shop.statements]


def test_what_is_kept_is_kept_on_purpose(shop):
    """A table that is kept hides from the attack whoever is in it."""
    assert shop.kept == KEPT, shop.kept ^ KEPT


def seen(shop: Shop, people: dict[str, int]) -> list[str]:
    """Say where each of these people shows."""
    whole = shop.published()
    found = []
    for who, user_sk in people.items():
        left = shop.published(user_sk)
        for name, tags in shop.tables.items():
            told = moves(tags, shop.types[name], whole[name], left[name])
            found += [f"{who}: {name}.{what}" for what in told]
        for name in OF_LABELS:
            frames = [frame[name].drop(columns="figure").astype(str) for frame in (whole, left)]
            rows = [set(frame.itertuples(index=False, name=None)) for frame in frames]
            found += [f"{who}: {name} {row}" for row in rows[0] ^ rows[1]]
    return found


def test_whoever_leaves_does_not_show(shop, leavers):
    """Nor over four publications: each is made of the data alone, so two with the customer are the same."""
    found = seen(shop, leavers)
    assert not found, "\n".join(found)


def test_what_a_measure_is_worth_follows_from_what_is_published(shop):
    """Who works it out from the published chance learns nothing that the table does not say."""
    for sample in ("0", "1", "2"):
        shop.connection.execute("begin")
        try:
            # of few customers, so that a chance in steps is another one than the chance
            shop.connection.execute(
                "delete from marts.customer_predictions where left(user_key, 1) != $1", [sample]
            )
            said = shop.connection.sql(shop.statements["head_worth"][1]).df()
        finally:
            shop.connection.execute("rollback")
        chance = said.order_chance
        assert "order_30d" in set(said["head"]) and chance.between(0, 1, inclusive="neither").all()
        expected = 2.8 * (chance * (1 - chance) * 4 / said.n_users) ** 0.5
        assert said.smallest_effect.to_numpy() == pytest.approx(expected.to_numpy(), abs=6e-5)


def test_a_correlation_next_to_nothing_has_the_step_of_a_great_one(shop):
    """What a fit measured moves with the next fit alone, which no customer leaves here."""
    said = shop.published()["data_figures"]
    said = said[said.topic.isin(["correlation", "loading"])]
    assert len(said) > 100 and (said.step_of_figure >= 10 / (said.n_users + 5)).all()


def test_without_a_limit_the_greatest_spender_shows(shop, leavers):
    """The same attack on sums that hold all of everybody finds the customer, in most tables of money."""
    endless = "cast(null as decimal(28, 4))"
    unlimited = {
        name: (relation, statement.replace("limits.most_revenue", endless))
        for name, (relation, statement) in shop.statements.items()
    }
    found = seen(replace(shop, statements=unlimited), {GREATEST: leavers[GREATEST]})
    assert {"shop_months", "family_sales", "shop_states"} <= {
        re.match(f"{GREATEST}: ([a-z_]+)", what)[1] for what in found
    }
