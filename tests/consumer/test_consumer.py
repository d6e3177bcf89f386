"""As a package: another dbt project installs clientele, feeds it its own relation and builds on its marts."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from support import KEY, ROOT, WITHOUT_TESTS, House, little_shop

NAMES = ("happened_at", "kind", "article", "family", "label", "amount", "customer", "visit")
TYPES = ("timestamp", "varchar", "bigint", "varchar", "varchar", "decimal(14, 4)", "bigint", "varchar")
FIELDS = ["event_type", "product_id", "category_code", "brand", "price", "user_id", "user_session"]
SHOP = little_shop(n_users=40, n_days=20)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """Return a folder with the consumer's project and a warehouse with a table of events, built."""
    folder = tmp_path_factory.mktemp("consumer")
    here = folder / "project"
    ignored = shutil.ignore_patterns("*.py", "__pycache__")
    shutil.copytree(ROOT / "tests" / "consumer", here, ignore=ignored)
    (here / "packages.yml").write_text(f"packages:\n  - local: {ROOT}\n")
    home = folder / "warehouse"
    home.mkdir()
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(NAMES, TYPES, strict=True))
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("create schema shop")
        connection.execute(f"create table shop.raw_events ({columns})")
        rows = [(event.event_time[:19], *(getattr(event, name) for name in FIELDS)) for event in SHOP]
        connection.executemany("insert into shop.raw_events values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    environment = House.plain_environment() | {
        "CLIENTELE_HOME": str(home),
        "CLIENTELE_PSEUDONYM_KEY": KEY,
        "DBT_PROFILES_DIR": str(ROOT / "profiles"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    dbt = str(Path(sys.executable).with_name("dbt"))
    for arguments in (["deps"], ["build", *WITHOUT_TESTS]):
        done = subprocess.run(
            [dbt, "--quiet", *arguments],
            cwd=here,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_consumers_model_stands_on_the_marts(project):
    with duckdb.connect(str(project / "warehouse" / "warehouse.duckdb"), read_only=True) as connection:
        ((n_customers,),) = connection.execute(
            "select sum(n_customers) from core.personas_by_tier"
        ).fetchall()
        ((n_users,),) = connection.execute("select count(*) from marts.user_segments").fetchall()
        ((n_events,),) = connection.execute("select count(*) from core.events").fetchall()
    assert n_customers == n_users > 30 and n_events == len(SHOP)


def test_what_is_published_is_clienteles(project):
    names = {path.stem for path in (project / "warehouse" / "published").glob("*.parquet")}
    assert "user_segments" in names and "personas_by_tier" not in names
