"""What is timed beside dbt: each task runs in a process of its own and reports its seconds."""

from __future__ import annotations

from collections.abc import Callable

from tools.bench import peers
from tools.bench.reading import COLUMNS, connection, typed


def scan(*files: str) -> None:
    """Read every column of CSV files with its type, and keep nothing: the floor."""
    seen = ", ".join(f"max({column})" for column in COLUMNS)
    connection().execute(f"select count(*), {seen} from {typed(files)}").fetchall()


def typed_table(database: str, *files: str) -> None:
    """Read CSV files with their types into a table: what a project without accounting for lines does."""
    opened = connection()
    opened.execute(f"attach '{database}' as plain")
    opened.execute(f"create table plain.events as select * from {typed(files)}")
    opened.execute("checkpoint plain")


def plain_events(database: str, *files: str) -> None:
    """Write events of CSV files under plain integers for their users and sessions."""
    opened = connection()
    opened.execute(f"attach '{database}' as kept")
    opened.execute(
        f"""
        create temp table lines as
        select * exclude (user_session), hash(user_session) as session_sk from {typed(files)}
        """
    )
    opened.execute("create table kept.events as select user_id as user_sk, * exclude (user_id) from lines")
    opened.execute("checkpoint kept")


def keyed_events(database: str, *files: str) -> None:
    """Write the events of `plain_events` under keyed pseudonyms instead, as a build does.

    The session is hashed per line, the user once, in a map. Each user is also hashed as if there were
    tombstones to compare with, which a build without an erasure does not do.
    """
    opened = connection()
    opened.execute(f"attach '{database}' as kept")
    for name in ("inner", "outer", "session"):
        opened.execute(f"set variable bench_{name} = repeat('{name[0]}', 64)")

    def keyed(domain: str) -> str:
        inner = f"sha256(getvariable('bench_inner') || '{domain}:v1:' || user_id)"
        return f"left(sha256(getvariable('bench_outer') || {inner}), 32)"

    session = "sha256(getvariable('bench_session') || 'session:v1:' || user_session)"
    opened.execute(
        f"""
        create temp table lines as
        select * exclude (user_session), cast('0x' || left({session}, 15) as bigint) as session_sk
        from {typed(files)}
        """
    )
    # In a table of its own, else the condition on the hash is tried on each line, before users are distinct.
    opened.execute("create temp table users as select distinct user_id from lines")
    opened.execute(
        f"""
        create temp table keyed as
        select user_id, {keyed("user")} as user_key, {keyed("erased")} as erased_hash from users
        """
    )
    opened.execute(
        """
        create table kept.user_keys as
        select user_id, cast('0x' || left(user_key, 15) as bigint) as user_sk, user_key from keyed
        where erased_hash <> ''
        """
    )
    opened.execute(
        """
        create table kept.events as
        select user_keys.user_sk, lines.* exclude (user_id)
        from lines
        inner join kept.user_keys as user_keys on lines.user_id = user_keys.user_id
        """
    )
    opened.execute("checkpoint kept")


TASKS: dict[str, Callable[..., object]] = {
    task.__name__: task for task in (scan, typed_table, plain_events, keyed_events)
} | {f"features_by_{tool}": features for tool, features in peers.TOOLS.items()}
