"""The look-up store: one SQLite row a pseudonym, made of the published marts, for who asks for one customer.

A row holds all that is published on a customer, as one JSON text: persona, reasons, tier, lifecycle state,
predictions, families and recommendations. The file is made of the Parquet files beside it and of nothing
else, so it is published, rolled back and rewritten with them, and the same marts make the same bytes.

A folder of marts that Redshift has unloaded (a folder of files for each mart) makes the same store::

    clientele look-up-store FOLDER
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import duckdb

from clientele.errors import ClienteleError

__all__ = ["NAME", "StoreError", "contents", "take_over_or_write", "write"]

NAME = "lookup/customers.sqlite"
FORM = 1  # of the JSON text: a reader refuses a form that it does not know
_NEEDED = "user_segments"
_OPTIONAL = (
    "reason_texts",
    "customer_predictions",
    "customer_family_propensities",
    "customer_recommendations",
)
_AT_A_TIME = 5_000

# Of marts that may not be there: what the query reads of them.
_COLUMNS = {
    "reason_texts": {"reason": "varchar", "reason_fr": "varchar"},
    "customer_predictions": {
        "user_key": "varchar",
        "status": "varchar",
        "p_order_7d": "double",
        "p_order_30d": "double",
        "p_order_90d": "double",
        "expected_spend_30d": "double",
        "expected_spend_90d": "double",
        "order_source": "varchar",
        "spend_source": "varchar",
        "model_version": "varchar",
    },
    "customer_family_propensities": {
        "user_key": "varchar",
        "family_place": "integer",
        "category_family": "varchar",
        "p_buy_30d": "double",
        "propensity_source": "varchar",
    },
    "customer_recommendations": {
        "user_key": "varchar",
        "kind": "varchar",
        "list_rank": "integer",
        "product_id": "bigint",
        "category_family": "varchar",
        "brand": "varchar",
        "list_source": "varchar",
    },
}

_PROFILES = """
with phrases as (
    select reason, min(reason_fr) as reason_fr from reason_texts group by reason
),

families as (
    select
        user_key,
        list(
            struct_pack(family := category_family, p_buy_30d := p_buy_30d, source := propensity_source)
            order by family_place
        ) as families
    from customer_family_propensities
    group by user_key
),

lists as (
    select
        user_key,
        list(
            struct_pack(
                kind := kind, rank := list_rank, product_id := product_id, family := category_family,
                brand := brand, source := list_source
            )
            order by kind, list_rank
        ) as recommendations
    from customer_recommendations
    group by user_key
)

select
    segments.user_key,
    cast(to_json(struct_pack(
        user_key := segments.user_key,
        as_of := strftime(segments.as_of, '%Y-%m-%dT%H:%M:%SZ'),
        status := segments.status,
        model_status := segments.model_status,
        model_version := segments.model_version,
        persona := case when segments.segment_id is not null then struct_pack(
            id := segments.segment_id,
            name := segments.segment_name,
            name_fr := segments.segment_name_fr,
            confidence := round(segments.confidence, 2),
            runner_up_id := segments.runner_up_segment_id,
            previous_id := segments.previous_persona,
            since := strftime(segments.persona_since, '%Y-%m-%d')
        ) end,
        reasons := list_filter(
            [segments.reason_1, segments.reason_2, segments.reason_3], lambda x: x is not null
        ),
        reasons_fr := list_filter(
            [phrase_1.reason_fr, phrase_2.reason_fr, phrase_3.reason_fr], lambda x: x is not null
        ),
        value_tier := segments.value_tier,
        lifecycle_state := segments.lifecycle_state,
        events_missing := segments.events_missing,
        predictions := case when predictions.user_key is not null then struct_pack(
            status := predictions.status,
            p_order_7d := predictions.p_order_7d,
            p_order_30d := predictions.p_order_30d,
            p_order_90d := predictions.p_order_90d,
            expected_spend_30d := predictions.expected_spend_30d,
            expected_spend_90d := predictions.expected_spend_90d,
            order_source := predictions.order_source,
            spend_source := predictions.spend_source,
            model_version := predictions.model_version
        ) end,
        families := coalesce(families.families, []),
        recommendations := coalesce(lists.recommendations, [])
    )) as varchar) as profile
from user_segments as segments
left join phrases as phrase_1 on segments.reason_1 = phrase_1.reason
left join phrases as phrase_2 on segments.reason_2 = phrase_2.reason
left join phrases as phrase_3 on segments.reason_3 = phrase_3.reason
left join customer_predictions as predictions on segments.user_key = predictions.user_key
left join families on segments.user_key = families.user_key
left join lists on segments.user_key = lists.user_key
order by segments.user_key
"""


class StoreError(ClienteleError, ValueError):
    """There are no marts to make a store of; the message says where they were looked for."""


def contents(folder: Path) -> str:
    """Return what tells a store from others: the bytes of the marts that it is made of, and what makes it."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    digest.update(f"{sqlite3.sqlite_version} {duckdb.__version__}".encode())
    for name in (_NEEDED, *_OPTIONAL):
        for path in _files(folder, name):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def write(folder: Path) -> Path:
    """Make the store of the marts in a folder, and return its path there.

    Parameters
    ----------
    folder : Path
        Has each mart as ``<mart>.parquet``, or as a folder ``<mart>/`` of Parquet files. Of the five marts
        that are read only `user_segments` must be there: without the others their part of a profile is empty.

    Raises
    ------
    StoreError
        If there is no `user_segments`.

    Examples
    --------
    ::

        sqlite3 warehouse/published/lookup/customers.sqlite "select profile from customers limit 1"
    """
    if not _files(folder, _NEEDED):
        raise StoreError(f"{folder} has no {_NEEDED}.parquet and no folder {_NEEDED}: no marts are published")
    path = folder / NAME
    path.parent.mkdir(exist_ok=True)
    draft = path.with_name(f".{path.name}")
    draft.unlink(missing_ok=True)
    store = sqlite3.connect(draft, isolation_level=None)
    try:
        # A profile is a kilobyte and a half: small pages would be half empty, and so would be those of a
        # table that is its own index.
        store.execute("pragma page_size = 16384")
        # Nobody reads the draft, and a crash throws it away: no journal, which would be a second file.
        store.execute("pragma journal_mode = off")
        store.execute("pragma synchronous = off")
        store.execute("create table customers (user_key text not null, profile text not null)")
        store.execute("create table publication (name text primary key, value text) without rowid")
        store.execute("begin")
        n_customers = 0
        with duckdb.connect() as connection:
            connection.execute("set threads = 1")
            _view(connection, folder)
            facts = connection.execute(
                "select strftime(max(as_of), '%Y-%m-%dT%H:%M:%SZ'), max(model_version), max(model_status) "
                "from user_segments"
            ).fetchall()[0]
            for rows in _batches(connection.execute(_PROFILES)):
                store.executemany("insert into customers values (?, ?)", rows)
                n_customers += len(rows)
        named = zip(("as_of", "model_version", "model_status"), facts, strict=True)
        store.execute("create unique index customers_by_key on customers (user_key)")
        store.executemany(
            "insert into publication values (?, ?)",
            [*named, ("n_customers", str(n_customers)), ("form", str(FORM))],
        )
        store.execute("commit")
    finally:
        store.close()
    draft.replace(path)
    return path


def take_over_or_write(folder: Path) -> None:
    """Have the store in a publication that is being made: that of the last one if it is of the same marts."""
    from clientele.runtime import publishing

    if not _files(folder, _NEEDED):
        return
    (folder / NAME).parent.mkdir(exist_ok=True)
    if not publishing.take_over(folder, NAME, contents(folder)):
        write(folder)


def _batches(cursor: duckdb.DuckDBPyConnection) -> Iterator[list[tuple]]:
    while rows := cursor.fetchmany(_AT_A_TIME):
        yield rows


def _files(folder: Path, mart: str) -> list[Path]:
    single = folder / f"{mart}.parquet"
    if single.is_file():
        return [single]
    return sorted(path for path in (folder / mart).glob("*") if path.is_file() and path.stat().st_size)


def _view(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Give each mart its name; one that is not there is a table without rows."""
    for mart in (_NEEDED, *_OPTIONAL):
        files = _files(folder, mart)
        if files:
            relation = connection.read_parquet([str(path) for path in files])
            relation.create_view(mart)
        else:
            columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS[mart].items())
            connection.execute(f"create table {mart} ({columns})")
