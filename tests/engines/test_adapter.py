"""The adapter type on a dbt project of its own: Python models beside SQL models, on the stand-in."""

from __future__ import annotations

import json
import os
from pathlib import Path
from textwrap import dedent
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from dbt.adapters.redshiftpython import session as sessions
from dbt.cli.main import dbtRunner
from dbt_common.exceptions import DbtRuntimeError
from standin.postgres import DATABASE, PASSWORD, USER

PROJECT = {
    "dbt_project.yml": """
        name: shop
        version: 1.0.0
        profile: shop
        flags: {send_anonymous_usage_stats: false}
        models:
          shop: {+persist_docs: {relation: true, columns: true}}
    """,
    "models/orders.sql": """
        {{ config(materialized='table', dist='user_sk', sort=['user_sk', 'ordered_at']) }}
        select cast(1 as bigint) as user_sk, cast('2019-10-01 10:00:00' as timestamp) as ordered_at,
            cast('12.50' as decimal(18, 4)) as price, cast('it''s' as varchar(10)) as note, true as is_new
        union all
        select 2, cast('2019-10-02 11:30:00.25' as timestamp), cast('0.1' as decimal(18, 4)), null, false
        union all
        select 3, null, null, 'é ☃', null
    """,
    "models/copied.py": """
        def model(dbt, session):
            dbt.config(materialized="table", dist="user_sk", sort=["user_sk"], grants={"select": ["reader"]})
            return dbt.ref("orders").order("user_sk").df()
    """,
    "models/sampled.py": """
        def model(dbt, session):
            dbt.config(materialized="table")
            orders = dbt.ref("orders").filter("user_sk >= 2").project("user_sk, price * 2 as doubled")
            table = orders.order("user_sk desc").limit(1).arrow()
            return table.to_pandas()
    """,
    "models/grown.py": """
        import pandas as pd

        def model(dbt, session):
            dbt.config(materialized="incremental", incremental_strategy="append", on_schema_change="fail")
            held = session.sql(f"select * from {dbt.this}").df() if dbt.is_incremental else None
            number = 1 if held is None else len(held) + 1
            return pd.DataFrame({"number": [number], "said": ["x" * number], "share": [number / 3]})
    """,
    "models/grown_twice.sql": """
        {{ config(materialized='incremental', unique_key='number') }}
        select number, share from {{ ref('grown') }}
    """,
    "models/models.yml": """
        version: 2
        models:
          - name: copied
            description: Orders, through Python
            columns:
              - {name: price, data_type: "decimal(18, 4)", description: In euros}
              - {name: note, data_type: varchar(20)}
              - {name: user_sk, data_type: bigint, data_tests: [unique, not_null]}
    """,
}


class Shop:
    """A dbt project in a folder, built on the stand-in."""

    def __init__(self, folder: Path, proxy, postgres, **profile: object) -> None:
        self.folder, self.proxy, self.postgres = folder, proxy, postgres
        target = {
            "type": "redshiftpython", "host": "127.0.0.1", "port": proxy.port, "dbname": DATABASE,
            "user": USER, "password": PASSWORD, "sslmode": "disable", "schema": "shop", "threads": 2,
            **profile,
        }  # fmt: skip
        for name, text in PROJECT.items():
            self.write(name, text)
        self.write("profiles.yml", json.dumps({"shop": {"target": "r", "outputs": {"r": target}}}))

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(dedent(text))

    def run(self, *call: str) -> tuple[bool, str]:
        said: list[str] = []
        place = ["--project-dir", str(self.folder), "--profiles-dir", str(self.folder)]
        with mock.patch.dict(os.environ, DBT_SEND_ANONYMOUS_USAGE_STATS="false", DBT_USE_COLORS="false"):
            ran = dbtRunner(callbacks=[lambda event: said.append(event.info.msg)]).invoke([*call, *place])
        return ran.success, "\n".join([*said, str(ran.exception or "")])

    def build(self, *call: str) -> str:
        succeeded, said = self.run("build", *call)
        assert succeeded, said[-4000:]
        return said

    def rows(self, query: str) -> list[list[str]]:
        return [line.split("|") for line in self.postgres.admin(query).splitlines()]


@pytest.fixture(scope="module")
def shop(tmp_path_factory, proxy, postgres):
    postgres.admin("create role reader")
    shop = Shop(tmp_path_factory.mktemp("shop"), proxy, postgres)
    shop.first = shop.build()
    shop.seen = list(proxy.statements)
    return shop


def test_python_gives_back_what_sql_gave(shop):
    query = "select user_sk, ordered_at, price, note, is_new from shop.{} order by user_sk"
    assert shop.rows(query.format("copied")) == shop.rows(query.format("orders"))


def test_declared_types_hold_and_others_fit(shop):
    columns = "select column_name, data_type, numeric_scale, character_maximum_length"
    found = {
        row[0]: row[1:]
        for row in shop.rows(f"{columns} from information_schema.columns where table_name = 'copied'")
    }
    assert found["price"] == ["numeric", "4", ""]
    assert found["note"] == ["character varying", "", "20"]
    assert found["user_sk"] == ["bigint", "0", ""]
    assert found["ordered_at"][0] == "timestamp without time zone"


def test_keys_grants_and_docs_are_kept(shop):
    kept = "select distkey, sortkey from standin.attributes where relation = 'shop.{}'::regclass"
    assert shop.rows(kept.format("copied")) == [["user_sk", "user_sk"]]
    assert shop.rows(kept.format("orders")) == [["user_sk", "user_sk, ordered_at"]]
    assert shop.rows("select has_table_privilege('reader', 'shop.copied', 'select')") == [["t"]]
    assert shop.rows("select obj_description('shop.copied'::regclass)") == [["Orders, through Python"]]


def test_only_the_rows_asked_for_leave_the_warehouse(shop):
    assert shop.rows("select user_sk, doubled from shop.sampled") == [["3", ""]]
    declared = [
        statement for statement in shop.seen if statement.startswith("declare") and "doubled" in statement
    ]
    assert len(declared) == 1 and declared[0].endswith("limit 1") and "user_sk >= 2" in declared[0]


def test_incremental_rows_are_added_and_full_refresh_begins_anew(shop):
    shop.build("--select", "grown grown_twice")
    query = "select number, said from shop.grown order by number"
    assert shop.rows(query) == [["1", "x"], ["2", "xx"]]
    assert shop.rows("select count(*) from shop.grown_twice") == [["2"]]
    shop.build("--select", "grown grown_twice", "--full-refresh")
    assert shop.rows(query) == [["1", "x"]]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("return 1 / 0", ["ZeroDivisionError", "line"]),
        ("return 7", ["must return a data frame", "int"]),
        ("return pd.DataFrame()", ["columns whose names are text"]),
        ("return pd.DataFrame([[1, 2]], columns=['a', 'A'])", ["more than one column of the name a"]),
        ("return pd.DataFrame({'note': ['x' * 21]})", ["too long"]),
        ("return pd.DataFrame({'said': ['a\\0b']})", ["NUL"]),
        ("return dbt.ref('orders').filter('nowhere = 1').df()", ["nowhere"]),
    ],
)
def test_a_failed_model_leaves_the_old_table(shop, code, words):
    shop.write(
        "models/copied.py",
        "import pandas as pd\n\ndef model(dbt, session):\n    dbt.config(materialized='table')\n    "
        + code
        + "\n",
    )
    succeeded, said = shop.run("run", "--select", "copied")
    shop.write("models/copied.py", PROJECT["models/copied.py"])
    assert not succeeded
    assert all(word in said for word in words), said[-2000:]
    assert "Traceback" not in said.split("Database Error")[-1].split("Runtime Error")[-1]
    assert shop.rows("select count(*) from shop.copied") == [["3"]]
    assert shop.rows("select table_name from information_schema.tables where table_name ~ 'copied__'") == []
    shop.build("--select", "copied")


def test_a_python_model_may_not_pull_more_than_its_profile_says(tmp_path, proxy, postgres, shop):
    small = Shop(tmp_path, proxy, postgres, schema="small", python_max_rows=2)
    before = len(proxy.statements)
    succeeded, said = small.run("build", "--select", "+copied")
    assert not succeeded
    assert "more than 2 rows (python_max_rows" in said
    declared = [statement for statement in proxy.statements[before:] if statement.startswith("declare")]
    assert declared and all(statement.endswith("limit 3") for statement in declared)


def test_docs_are_generated(shop):
    succeeded, said = shop.run("docs", "generate")
    assert succeeded, said[-2000:]
    catalog = json.loads((shop.folder / "target/catalog.json").read_text())
    assert set(catalog["nodes"]) >= {"model.shop.copied", "model.shop.orders"}
    assert set(catalog["nodes"]["model.shop.copied"]["columns"]) == {
        "user_sk",
        "ordered_at",
        "price",
        "note",
        "is_new",
    }


# --- the relation and the writer, without a server


def relation(n_most=10):
    return sessions.Session(None, mock.Mock(python_max_rows=n_most)).table("t")


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda t: t, "select * from t"),
        (lambda t: t.project("a", "b"), "select a, b from (select * from t) as whole"),
        (lambda t: t.limit(5).limit(9), "select * from (select * from t) as unlimited limit 5"),
        (lambda t: t.order("a").limit(5), "select * from (select * from t) as unordered order by a limit 5"),
        (
            lambda t: t.limit(5).order("a"),
            "select * from (select * from (select * from t) as unlimited limit 5) as unordered order by a",
        ),
    ],
)
def test_relations_are_queries_that_have_not_run(build, text):
    assert build(relation())._text() == text


def test_a_negative_limit_is_refused():
    with pytest.raises(DbtRuntimeError, match="never negative"):
        relation().limit(-1)


@pytest.mark.parametrize(
    ("values", "literals"),
    [
        (pd.Series([1, 2]), ["1", "2"]),
        (pd.Series([1, None], dtype="Int64"), ["1", "null"]),
        (
            pd.Series([0.1, np.nan, np.inf, -np.inf]),
            ["'0.1'::float8", "null", "'infinity'::float8", "'-infinity'::float8"],
        ),
        (pd.Series([True, None], dtype="boolean"), ["true", "null"]),
        (pd.Series(["it's", "a\\b", None]), ["'it''s'", "'a\\\\b'", "null"]),
        (
            pd.Series(pd.to_datetime(["2019-10-01 10:00:00.25", None])),
            ["'2019-10-01 10:00:00.250000'", "null"],
        ),
        (pd.Series([1, "x", None, np.nan], dtype="object"), ["1", "'x'", "null", "null"]),
    ],
)
def test_literals(values, literals):
    assert sessions._literals(values) == literals


def test_statements_are_never_long():
    writer = sessions.Session(None, mock.Mock(python_insert_rows=3))
    frame = pd.DataFrame({"number": range(8)})
    assert [len(batch) for batch in writer._batches(frame)] == [3, 3, 2]
    wide = pd.DataFrame({"said": ["x" * 600_000] * 3})
    assert [len(batch) for batch in writer._batches(wide)] == [1, 1, 1]
