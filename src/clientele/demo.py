"""The whole thing once, from nothing: a synthetic shop, a build, and the personas that it found.

``python -m clientele.demo`` is what ``make demo`` runs. The shop is synthetic and says so; the key is thrown
away.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb
import shop_simulator

from clientele.privacy import keys

STEP = re.compile(r" \d+ of \d+ (START|OK|PASS|NO-OP) |^\d\d:\d\d:\d\d\s*$")
MODEL = re.compile(r" \d+ of \d+ OK created ")

TABLES = {
    "The personas (marts.segment_summary)": """
        select segment_id as id, segment_name as persona, n_users as users,
            round(100 * user_share, 1) as "% users", round(100 * revenue_share, 1) as "% revenue",
            round(100 * buyer_share, 1) as "% buyers",
            top_categories as "looks at"
        from marts.segment_summary order by segment_id""",
    "Everybody (marts.user_segments)": """
        select status, count(*) as users, round(avg(confidence), 2) as confidence
        from marts.user_segments group by status order by users desc""",
    "The books (monitor.reconciliation)": """
        select file_name as file, n_lines as lines, n_headers as header, n_blank as blank, n_loaded as loaded,
            n_duplicates as duplicates, n_quarantined as quarantined, n_unaccounted as missing
        from monitor.reconciliation order by file_name""",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the shop, build, print what was found; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m clientele.demo", description=__doc__.split("\n")[0])
    parser.add_argument("--home", type=Path, default=Path("demo"), help="folder to work in; emptied first")
    parser.add_argument("--users", type=int, default=20_000, help="customers of the shop's first month")
    parser.add_argument("--months", type=int, default=4)
    options = parser.parse_args(arguments)

    home = options.home.resolve()
    marker = home / ".clientele-demo"
    if home.exists() and any(home.iterdir()) and not marker.exists():
        print(f"{home} holds something that is not a demo; give another folder with --home.", file=sys.stderr)
        return 2
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    marker.touch()

    print(f"A synthetic shop: {options.months} months, dirt included …", flush=True)
    shop = shop_simulator.generate(
        home / "shop", users=options.users, months=options.months, dirt=0.002, file_format="csv.gz"
    )
    events = home / "shop" / "events"
    print(
        f"{sum(shop.lines.values()):,} lines of {shop.users:,} synthetic customers in {events}\n", flush=True
    )
    os.environ |= {
        "CLIENTELE_EVENTS": str(events),
        "CLIENTELE_HOME": str(home / "warehouse"),
        keys.ENVIRONMENT_VARIABLE: secrets.token_hex(keys.MINIMUM_BYTES),
    }
    print("The pseudonymisation key of this demo is random and thrown away afterwards.\n", flush=True)
    if not _build():
        return 1
    _show(home / "warehouse")
    return 0


def _build() -> bool:
    """Run dbt as anybody would, and print of its some four hundred lines those that one may wait for."""
    command = [
        str(Path(sys.executable).with_name("dbt")),
        "--no-use-colors",
        "build",
        "--profiles-dir",
        "profiles",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as dbt:
        for line in dbt.stdout or ():
            if not STEP.search(line) or MODEL.search(line):
                print(line, end="", flush=True)
    return dbt.returncode == 0


def _show(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse / "warehouse.duckdb"), read_only=True) as connection:
        for title, query in TABLES.items():
            print(f"{title}, synthetic data")
            connection.sql(query).show(max_width=150)
    print(
        f"Published for BI and CRM:  {warehouse / 'published'}/*.parquet\n"
        f"Everything else:           {warehouse / 'warehouse.duckdb'} (schemas core, marts, monitor)\n"
        f"Raw ids and quarantine:    {warehouse / 'vault.duckdb'}\n"
        "Docs with lineage:         make docs\n"
        "Your own files:            make build EVENTS='path/*.csv.gz' (see README.md)"
    )


if __name__ == "__main__":
    sys.exit(main())
