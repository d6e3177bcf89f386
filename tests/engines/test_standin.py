"""The stand-in itself: what it accepts, translates and refuses, seen through the unmodified driver."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
import redshift_connector
from standin import Proxy, dialect
from standin.postgres import DATABASE, PASSWORD, USER
from warehouse import unloading


@pytest.fixture(scope="module")
def cursor(proxy):
    connection = redshift_connector.connect(
        host="127.0.0.1", port=proxy.port, database=DATABASE, user=USER, password=PASSWORD, ssl=False
    )
    connection.autocommit = True
    yield connection.cursor()
    connection.close()


def value(cursor, expression):
    return cursor.execute(f"select {expression}").fetchone()[0]


@pytest.mark.parametrize(
    ("expression", "known"),
    [
        ("sha2('abc', 256)", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("strtol('ffffffffffffffff', 16)", -1),
        ("strtol('0ff', 16)", 255),
        (
            "datediff(day, cast('2019-10-01 23:59:59' as timestamp), cast('2019-10-02' as timestamp))",
            1,
        ),
        ("datediff(week, cast('2019-10-05' as date), cast('2019-10-06' as date))", 1),
        ("cast(dateadd(month, 1, cast('2019-01-31' as date)) as varchar(10))", "2019-02-28"),
        ("try_cast('12' as bigint)", 12),
        ("try_cast('x' as bigint)", None),
        ("try_cast('9223372036854775808' as bigint)", None),
        ("try_cast('2019-02-30' as timestamp)", None),
        ("try_cast('5000000000' as decimal(12, 3))", None),
        ("cast(try_cast('12345678901234.5678' as decimal(18, 4)) as varchar(32))", "12345678901234.5678"),
        ("cast(repeat('x', 300) as varchar)", "x" * 256),
        ("cast(1.6 as decimal)", 2),
        ("round(cast(2.5 as double precision), 0)", 3.0),
        ("'a\\\\tb'", "a\\tb"),
        ("split_part('a,b,,d', ',', 3)", ""),
        ("regexp_replace('a1b22', '[^0-9]+', ',')", ",1,22"),
    ],
)
def test_it_computes_as_redshift_documents(cursor, expression, known):
    assert value(cursor, expression) == known


def test_it_says_that_it_is_redshift(proxy):
    with redshift_connector.connect(
        host="127.0.0.1", port=proxy.port, database=DATABASE, user=USER, password=PASSWORD, ssl=False
    ) as connection:
        assert (b"server_version", b"8.0.2") in connection.parameter_statuses


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("create table t1 distkey (nowhere) as select 1 as a", "nowhere"),
        ("create table t1 sortkey (a, elsewhere) as select 1 as a", "elsewhere"),
        ("create table t1 diststyle all distkey (a) as select 1 as a", "DISTSTYLE KEY only"),
        ("create table t1 diststyle some as select 1 as a", "DISTSTYLE some"),
        ("insert into nowhere.at_all values (1)", "nowhere"),
        ('select "$path", max("$size") from lake.event_lines group by 1', "scan the whole lake"),
        ("select line from lake.event_lines where \"$path\" = 's3://a'", "scan the whole lake"),
    ],
)
def test_it_refuses(cursor, statement, reason):
    with pytest.raises(redshift_connector.Error, match=reason):
        cursor.execute(statement)


def test_keys_are_recorded(cursor, postgres):
    cursor.execute("drop table if exists keyed")
    cursor.execute("create table keyed distkey (a) compound sortkey (b, a) as select 1 as a, 2 as b")
    kept = postgres.admin(
        "select diststyle, distkey, sortkey, sorttype from standin.attributes "
        "where relation = 'keyed'::regclass"
    )
    assert kept == "key|a|b, a|compound\n"
    cursor.execute("drop table keyed")


def test_text_without_a_length_has_256_characters(cursor):
    cursor.execute('create temporary table short (number int, "said" varchar, varchar text)')
    cursor.execute("insert into short values (1, 'x', 'y')")
    with pytest.raises(redshift_connector.Error, match="too long"):
        cursor.execute(f"insert into short values (2, '{'x' * 257}', 'y')")
    cursor.execute("drop table short")


def test_identity_column_numbers_rows(cursor):
    cursor.execute("create temporary table numbered (line_id bigint identity(1, 1), line varchar(10))")
    cursor.execute("insert into numbered (line) select 'a' union all select 'b'")
    assert sorted(row[0] for row in cursor.execute("select line_id from numbered").fetchall()) == [1, 2]
    cursor.execute("drop table numbered")


@pytest.mark.parametrize(
    "statement",
    [
        "select text from t",
        "select 'select varchar, sysdate' as quoted -- listagg(a)",
        "select $$ cast(x as varchar) $$",
        'select "sysdate" from t',
        "select 1 as text from t",
    ],
)
def test_what_is_not_redshift_s_own_passes_unchanged(statement):
    assert dialect.translated(statement) == statement


def test_unload_takes_a_place_for_the_beginning_of_names(postgres, tmp_path):
    """ "UNLOAD": TO is a prefix, and what is there already is refused unless it may be overwritten."""
    proxy = Proxy(postgres.port, unload=unloading(postgres, tmp_path))
    proxy.start()
    try:
        connection = redshift_connector.connect(
            host="127.0.0.1", port=proxy.port, database=DATABASE, user=USER, password=PASSWORD, ssl=False
        )
        connection.autocommit = True
        cursor = connection.cursor()
        single = "unload ('select ''a|b'' as x, 2 as y') to 's3://b/p/current' iam_role default "
        cursor.execute(single + "parallel off")
        assert (tmp_path / "b/p/current000").read_text() == "a\\|b|2\n" and not (
            tmp_path / "b/p/current"
        ).exists()
        with pytest.raises(redshift_connector.Error, match="not empty"):
            cursor.execute(single + "parallel  off")  # the driver prepares a text once
        cursor.execute(single + "allowoverwrite parallel off")
        cursor.execute(
            '/* {"app": "dbt"} */\n\n    unload (\'select 1 as x union all select 2\') to '
            "'s3://b/p/f/' iam_role default format parquet"
        )
        assert pq.read_table(tmp_path / "b/p/f").to_pylist() == [{"x": 1}, {"x": 2}]
        connection.close()
    finally:
        proxy.stop()
