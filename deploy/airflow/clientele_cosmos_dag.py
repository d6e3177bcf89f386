"""The same build with a task for each table, by Airflow 3 and Cosmos in watcher mode.

Copy this folder into the folder of DAGs, and never unpause `clientele` beside it: a home is built by one at a
time. Airflow's environment has astronomer-cosmos and no dbt; clientele has an environment of its own
(CLIENTELE_ENVIRONMENT), whose dbt is called as a process. One task (`dbt_producer_watcher`) is the one
`dbt build`, and the others only watch it, so that Airflow shows each table. Any other mode of Cosmos runs dbt
once for each table: hundreds of builds of one table each, with hooks and a lock, and nothing published.

Cosmos reads the graph from dbt's manifest (target/manifest.json in the project, or CLIENTELE_MANIFEST), which
each build writes: run `dbt parse` once before the first. Settings and back-fill: see `clientele_dag.py`.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cosmos import DbtDag, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, InvocationMode, LoadMode, TestBehavior

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from clientele_dag import tell  # noqa: E402

PROJECT = Path(os.environ["CLIENTELE_PROJECT"])
MANIFEST = Path(os.environ.get("CLIENTELE_MANIFEST") or PROJECT / "target" / "manifest.json")
PRODUCER = "dbt_producer_watcher"


def tell_of_the_build(context: dict) -> None:
    """Say once that a build has failed: those who watch it fail with it."""
    if context["task_instance"].task_id == PRODUCER:
        tell(context)


dag = DbtDag(
    dag_id="clientele_tables",
    description="Customer segments from the files of shop events, table by table",
    schedule="15 3 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),  # noqa: UP017 - workers may have an older Python
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=4),
    default_args={
        "retries": 1,
        "retry_delay": timedelta(minutes=10),
        "on_failure_callback": tell_of_the_build,
    },
    tags=["clientele"],
    project_config=ProjectConfig(manifest_path=MANIFEST, project_name="clientele"),
    profile_config=ProfileConfig(
        profile_name="clientele",
        target_name=os.environ.get("DBT_TARGET", "duckdb"),
        profiles_yml_filepath=PROJECT / "profiles" / "profiles.yml",
    ),
    execution_config=ExecutionConfig(
        execution_mode=ExecutionMode.WATCHER,
        invocation_mode=InvocationMode.SUBPROCESS,
        dbt_project_path=PROJECT,
        dbt_executable_path=HERE / "dbt-with-key",
    ),
    render_config=RenderConfig(load_method=LoadMode.DBT_MANIFEST, test_behavior=TestBehavior.AFTER_EACH),
    operator_args={
        "install_deps": False,
        "append_env": True,
        "dbt_cmd_flags": ["--exclude-resource-type", "unit_test"],
    },
)
