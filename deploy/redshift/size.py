"""How large the tables get: widths measured in a warehouse that exists, counts by a public shop's ratios.

Usage: python deploy/redshift/size.py WAREHOUSE/warehouse.duckdb     prints the table of docs/redshift.md

Rows: sessions and users for each event as in the public REES46 files of October and November 2019. Users are
an upper bound: over more months, more of them are known already. Bytes: the mean width of a row without
compression, measured column by column; what Redshift's own compression leaves, only a cluster can tell.
"""

import sys
from pathlib import Path

import duckdb

# 109,950,743 events, 23,020,471 sessions, 5,316,649 users in both months together.
EVENTS, SESSIONS, USERS = 109_950_743, 23_020_471, 5_316_649
SHOPS = {"the public files": 411_709_736, "ten billion": 10_000_000_000}
# What a table's rows grow with, and what holds it apart on the nodes.
TABLES = {
    "core.events": ("events", EVENTS),
    "core.user_sessions": ("sessions", SESSIONS),
    "vault.user_keys": ("users", USERS),
    "core.users": ("users", USERS),
    "core.user_feature_values": ("users", USERS),
    "marts.user_segments": ("users", USERS),
}
WIDTHS = {"BOOLEAN": 1, "SMALLINT": 2, "INTEGER": 4, "DATE": 4, "FLOAT": 4}


def row_bytes(connection: duckdb.DuckDBPyConnection, table: str) -> float:
    """Return the mean bytes of a row: fixed widths by type, texts by their length and two bytes more."""
    columns = connection.sql(f"describe {table}").fetchall()
    parts = [
        f"avg(coalesce(strlen({name}), 0)) + 2" if kind == "VARCHAR" else str(WIDTHS.get(kind, 8))
        for name, kind, *_ in columns
    ]
    return connection.sql(f"select {' + '.join(parts)} from {table}").fetchall()[0][0]


def main(arguments: list[str]) -> int:
    """Print a Markdown table; return 2 when there is no such warehouse."""
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        print("which warehouse? For example: demo/warehouse/warehouse.duckdb", file=sys.stderr)
        return 2
    vault = Path(arguments[0]).with_name("vault.duckdb")
    with duckdb.connect(arguments[0], read_only=True) as connection:
        connection.execute(f"attach '{vault}' as vaults (read_only)")
        print(
            "| table | grows with | bytes a row |"
            + "".join(f" rows, {name} | GB, {name} |" for name in SHOPS)
        )
        print("|---|---|---:|" + "---:|---:|" * len(SHOPS))
        totals = [0.0] * len(SHOPS)
        for table, (grows_with, count) in TABLES.items():
            width = row_bytes(connection, f"vaults.{table}" if table.startswith("vault.") else table)
            cells = ""
            for place, n_events in enumerate(SHOPS.values()):
                rows = n_events * count / EVENTS
                totals[place] += rows * width / 1e9
                cells += f" {rows / 1e6:,.0f} M | {rows * width / 1e9:,.0f} |"
            print(f"| `{table}` | {grows_with} | {width:.0f} |{cells}")
        print("| together, uncompressed | | |" + "".join(f" | {total:,.0f} |" for total in totals))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
