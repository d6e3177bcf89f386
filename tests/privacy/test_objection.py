"""Objection and restriction on a shop with a model: at once, in every table, and wherever the rule is asked.

Who may not be profiled has no features any more, so most places would leave these customers out for that
alone. To see that each place asks the rule, their features are put back before it is built.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import duckdb
import pytest
from breaking import Breaker
from support import MATERIAL, WITHOUT_TESTS, Event, House, parsed

from clientele.privacy import keys
from clientele.privacy import register as register_of_requests
from clientele.runtime import backups, locking, warehouses

# Tables of what happened: they stay, and are counted.
FACTS = {
    "customer_visits",
    "described_customers",
    "duplicate_events",
    "events",
    "released_duplicates",
    "user_keys",
    "user_sessions",
    "users",
}
REGISTERS = {"objections", "restrictions", "profiling_objections"}
# Tables of people that ask the rule, and what their build needs.
ASKING = ["customer_values", "centroid_scores", "early_scores", "user_segments", "user_features"]
ASKING_AT_A_FIT = ["value_sample", "segment_sample", "moments", "truncated_histories"]
# The others, of people and of groups. Their rule is shown by their query alone.
ASKING_ELSEWHERE = {
    *(
        "audience_sizes",
        "challenger_scores",
        "cohorts",
        "coview_frame",
        "customer_orders",
        "customer_purchases",
    ),
    *("experiment_outcomes", "experiment_past", "family_features", "item_features", "metric_months"),
    *("metric_purchases", "metric_sessions", "monthly_personas", "monthly_refunds", "persona_months"),
    *("persona_sizes", "prediction_features", "prediction_users", "recent_personas", "segment_families"),
    *("segment_traits", "segment_transitions", "session_frame", "session_scores", "shop_months"),
}
# They ask it of what another asks it of, or show products: with everybody gone they have rows.
ASKING_OF_PRODUCTS = {"challenger_summary", "challenger_traits", "item_imputations"}
# The shop has no such thing: no challenger, no experiment and no refund.
NOTHING_THERE = {"challenger_scores", "experiment_outcomes", "experiment_past", "monthly_refunds"}


def refused(house: House) -> str:
    """Return why data of a house is not given out or shown, an empty text if it is."""
    with house.surroundings(), locking.held(house.home):
        try:
            warehouses.check(house.home)
        except warehouses.WarehouseError as problem:
            return str(problem)
    return ""


@pytest.fixture(scope="module")
def shop(built_shop, tmp_path_factory) -> House:
    return built_shop.copy(tmp_path_factory.mktemp("objection"))


def holders(house: House, user_id: int) -> dict[str, int]:
    """Return the tables with rows of a customer, with their number."""
    key = keys.user_key(str(user_id), MATERIAL)
    values = {"user_id": str(user_id), "user_sk": str(keys.user_sk(key)), "user_key": f"'{key}'"}
    columns = house.rows(
        "select database_name, schema_name, table_name, column_name from duckdb_columns() where not internal "
        "and schema_name in ('core', 'marts', 'vault') and column_name in ('user_id', 'user_sk', 'user_key')"
    )
    with house.connection() as connection:
        found = {
            table: connection.execute(
                f'select count(*) from "{database}"."{schema}"."{table}" where {column} = {values[column]}'
            ).fetchall()[0][0]
            for database, schema, table, column in columns
        }
    return {table: n_rows for table, n_rows in found.items() if n_rows}


def in_publications(house: House, user_id: int) -> tuple[int, int]:
    """Return how many published rows are about customers, and about this one."""
    paths = [str(path) for path in house.home.glob("publications/*/user_*.parquet")]
    with duckdb.connect() as connection:
        return connection.execute(
            "select count(*), count(*) filter (where user_key = $key) "
            "from read_parquet($paths, union_by_name=true)",
            {"key": keys.user_key(str(user_id), MATERIAL), "paths": paths},
        ).fetchall()[0]


def chosen(house: House, table: str) -> int:
    """Return the customer with most events among those in a table."""
    return house.value(
        f"select user_id from core.{table} as held inner join vault.vault.user_keys using (user_sk) "
        "inner join core.user_feature_values as counted using (user_sk) "
        "order by counted.n_events desc, user_id limit 1"
    )


OPERATIONS = {"objections": ("object_to_profiling", "withdraw_objection"),
              "restrictions": ("restrict_subjects", "unrestrict_subjects")}  # fmt: skip


@pytest.mark.parametrize("register", OPERATIONS)
def test_from_the_command_on_nothing_is_said_of_them(shop, tmp_path, register):
    house = shop.copy(tmp_path)
    user_id = chosen(house, "persona_scores")
    before = holders(house, user_id)
    assert before.keys() >= {"user_features", "user_segments", "user_feature_values", "customer_values"}
    assert before.keys() >= {"persona_scores", "centroid_scores", "segment_sample", "value_sample"}
    n_rows, n_theirs = in_publications(house, user_id)
    assert n_rows > n_theirs > 0
    n_events = house.value("select count(*) from core.events")

    done = house.operation(OPERATIONS[register][0], CLIENTELE_SUBJECT=str(user_id))
    assert done.succeeded and str(user_id) not in done.said, done.said[-2000:]
    assert holders(house, user_id).keys() <= FACTS | REGISTERS
    assert holders(house, user_id).keys() >= {register, "profiling_objections", "events", "users"}
    assert in_publications(house, user_id) == (n_rows - n_theirs, 0)
    assert house.value("select count(*) from core.events") == n_events

    # It is taken back: the next build works out what it did not have. The other register is not touched.
    assert house.operation(OPERATIONS[register][1], CLIENTELE_SUBJECT=str(user_id)).succeeded
    assert holders(house, user_id).keys() & REGISTERS == set()
    house.build(*WITHOUT_TESTS, "--select", "profiling_objections", "user_sessions", "user_feature_values")
    assert holders(house, user_id)["user_feature_values"] == 1
    shutil.rmtree(house.home)


def test_who_asks_before_the_first_event_stays_out_whichever_models_are_run(shop, tmp_path):
    """As a shop does that names all who have not consented: most of them have not been there yet."""
    house, other = shop.copy(tmp_path / "copy"), 987654320
    house.lake = shutil.copytree(shop.lake, tmp_path / "lake")
    asking = {other + number: register for number, register in enumerate(OPERATIONS, start=1)}
    for user_id, register in asking.items():
        assert house.operation(OPERATIONS[register][0], CLIENTELE_SUBJECT=str(user_id)).succeeded
        assert holders(house, user_id).keys() == {register}
    seen = [
        Event(f"2020-02-01 10:00:{second:02d} UTC", user_id=str(who), user_session=f"session of {who}")
        for who in (other, *asking)
        for second in range(20)
    ]
    house.deliver("newcomers.csv", seen)
    house.build(*WITHOUT_TESTS, "--select", "+events")
    for user_id, register in asking.items():
        assert holders(house, user_id).keys() >= {register, "events", "profiling_objections"}

    # a build that was killed before it had noted them: the next one notes them first, whatever it builds
    with house.connection(read_only=False) as connection:
        connection.execute("delete from core.profiling_objections")
    scores = ("user_sessions", "user_feature_values", "session_scores", "open_sessions")
    house.build(*WITHOUT_TESTS, "--select", *scores)
    assert holders(house, other).keys() >= {"user_feature_values", "user_features", "open_sessions"}
    for user_id, register in asking.items():
        assert holders(house, user_id).keys() <= FACTS | REGISTERS
        assert house.operation(OPERATIONS[register][1], CLIENTELE_SUBJECT=str(user_id)).succeeded
        assert holders(house, user_id).keys() & REGISTERS == set()
    shutil.rmtree(tmp_path)


@pytest.fixture(scope="module")
def breaker() -> Iterator[Breaker]:
    with Breaker({}) as breaker:
        yield breaker


@pytest.mark.parametrize("register", OPERATIONS)
def test_one_that_was_stopped_is_finished_before_anything_else(shop, breaker, tmp_path, register):
    """Publications hold them: no build hides it, no rollback shows them, no restore brings them back."""
    house = shop.copy(tmp_path / "house")
    user_id = chosen(house, "persona_scores")
    operation, kind = OPERATIONS[register][0], OPERATIONS[register][0].split("_")[0]
    stopped = breaker.build(
        house,
        operation=operation,
        environment={"CLIENTELE_SUBJECT": str(user_id)},
        in_function="clientele.runtime.rewriting:start_publications",
    )
    assert stopped.killed
    assert in_publications(house, user_id)[1] > 0
    with house.surroundings():
        taken = backups.take(house.home, tmp_path / "backups")

    build = house.run(*WITHOUT_TESTS)
    assert not build.succeeded and f"Finish it first: clientele {kind} (without a subject)" in build.said
    assert f"clientele {kind} " in refused(house)

    done = house.operation(operation)
    assert done.succeeded, done.said[-2000:]
    assert in_publications(house, user_id)[1] == 0
    assert holders(house, user_id).keys() <= FACTS | REGISTERS
    assert refused(house) == ""
    (line,) = register_of_requests.lines(house.home)
    assert f"{kind}, 1 customer(s), done" in line
    again = house.operation(operation)
    assert not again.succeeded and "nobody is named" in again.said

    with house.surroundings():
        restored = backups.restore(backups.opened(taken.folder), house.home)
    assert f"{operation}: 1 customer(s)." in restored.sentences
    assert in_publications(house, user_id)[1] == 0
    assert holders(house, user_id).keys() <= FACTS | REGISTERS
    shutil.rmtree(house.folder)


def test_every_place_that_asks_the_rule_leaves_them_out(shop):
    """And nobody else with them, though their features are there."""
    house = shop
    objectors = {chosen(house, "persona_scores"), chosen(house, "early_scores")}
    features = {
        user_id: house.rows(
            "select user_feature_values.* from core.user_feature_values inner join vault.vault.user_keys "
            f"using (user_sk) where user_id = {user_id}"
        )[0]
        for user_id in objectors
    }
    assert len(features) == 2
    for user_id in objectors:
        assert house.operation("object_to_profiling", CLIENTELE_SUBJECT=str(user_id)).succeeded
    with house.connection(read_only=False) as connection:
        for row in features.values():
            marks = ", ".join("?" * len(row))
            connection.execute(f"insert into core.user_feature_values values ({marks})", row)
    house.build(*WITHOUT_TESTS, "--select", *ASKING, *ASKING_AT_A_FIT, variables={"refit": True})
    for table in [*ASKING, *ASKING_AT_A_FIT]:
        schema = "marts" if table.startswith("user_") else "core"
        assert house.value(f"select count(*) from {schema}.{table}") > 10, table
    for user_id in objectors:
        held = holders(house, user_id)
        assert held.keys() <= FACTS | REGISTERS | {"user_feature_values"}, user_id


def test_with_everybody_objecting_each_place_is_empty(shop):
    """Each query that asks the rule has rows before, and none after: one that does not ask keeps some."""
    house = shop
    places = sorted({*ASKING, *ASKING_AT_A_FIT, *ASKING_ELSEWHERE} - NOTHING_THERE - {"truncated_histories"})
    compiled = house.run("--select", *places, command=("compile",), variables={"refit": True}).compiled

    def sizes(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
        return {
            place: connection.execute(f"select count(*) from ({compiled[place]})").fetchall()[0][0]
            for place in places
        }

    with house.connection(read_only=False) as connection:
        before = sizes(connection)
        connection.execute("begin")
        connection.execute(
            "insert into core.profiling_objections select user_sk from core.users "
            "where user_sk not in (select user_sk from core.profiling_objections)"
        )
        after = sizes(connection)
        connection.execute("rollback")
    assert [place for place in places if not before[place]] == []
    # customers without a persona are a group as well, of nobody
    assert {place: n_rows for place, n_rows in after.items() if n_rows} == {"persona_sizes": 1}


def test_the_places_that_ask_the_rule_are_known():
    """A place that does not ask any more fails here; a new one needs a line above."""
    macros = parsed().macros

    def asks(text: str, used: list[str], seen: frozenset[str] = frozenset()) -> bool:
        return "clientele.may_be_profiled(" in text or any(
            asks(macros[name].macro_sql, macros[name].depends_on.macros, seen | {name})
            for name in used
            if name in macros and macros[name].package_name == "clientele" and name not in seen
        )

    asking = {
        node.name
        for node in parsed().nodes.values()
        if node.resource_type == "model" and asks(node.raw_code or "", node.depends_on.macros)
    }
    # every side input asks it where it has people
    side = {node.name for node in parsed().nodes.values() if node.config.meta.get("side_input")}
    assert asking - side == {*ASKING, *ASKING_AT_A_FIT, *ASKING_ELSEWHERE, *ASKING_OF_PRODUCTS}
    assert "forget_objectors" in parsed().nodes["model.clientele.user_feature_values"].raw_code
