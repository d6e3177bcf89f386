"""The whole thing once, from nothing: a synthetic shop, a build, and the personas that it found.

``clientele demo`` does it, and ``make demo`` calls that. The shop is synthetic and says so; the key is thrown
away.
"""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
from pathlib import Path

import duckdb

from clientele.errors import ClienteleError
from clientele.privacy import keys
from clientele.runtime import dbt

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


class DemoError(ClienteleError):
    """The demo cannot begin; the message says why."""


def run(home: Path, n_users: int, n_months: int) -> int:
    """Make the shop, build, print what was found.

    Parameters
    ----------
    home : Path
        Folder to work in; what an earlier demo left there is removed.
    n_users, n_months : int
        Customers of the first month, and months.

    Returns
    -------
    int
        Exit status of dbt.

    Raises
    ------
    DemoError
        The folder holds something else, or the shop simulator is not installed.
    """
    try:
        import shop_simulator  # here: it stands beside the project, and nothing else needs it
    except ImportError:
        raise DemoError("The shop simulator is not installed: pip install packages/shop-simulator") from None
    home = home.resolve()
    marker = home / ".clientele-demo"
    if home.exists() and any(home.iterdir()) and not marker.exists():
        raise DemoError(f"{home} holds something that is not a demo; give another folder with --home.")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    marker.touch()

    print(f"A synthetic shop: {n_months} months, dirt included …", flush=True)
    shop = shop_simulator.generate(
        home / "shop", users=n_users, months=n_months, dirt=0.002, file_format="csv.gz"
    )
    events = home / "shop" / "events"
    print(
        f"{sum(shop.lines.values()):,} lines of {shop.users:,} synthetic customers in {events}\n", flush=True
    )
    print("The pseudonymisation key of this demo is random and thrown away afterwards.\n", flush=True)
    status = _build(
        CLIENTELE_EVENTS=str(events),
        CLIENTELE_HOME=str(home / "warehouse"),
        **{keys.ENVIRONMENT_VARIABLE: secrets.token_hex(keys.MINIMUM_BYTES)},
    )
    if not status:
        _show(home / "warehouse")
    return status


def _build(**settings: str) -> int:
    """Run dbt as anybody would, and print of its some four hundred lines those that one may wait for."""
    command = dbt.command("--no-use-colors", "build")
    environment = dbt.environment(**settings)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as building:
        for line in building.stdout or ():
            if not STEP.search(line) or MODEL.search(line):
                print(line, end="", flush=True)
    return building.returncode


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
