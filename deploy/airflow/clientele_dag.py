"""One dbt build a night, by Airflow 3: copy this file into the folder of DAGs.

Airflow schedules, and dbt builds: one task is one `dbt build`, because a build is one unit. It publishes all
marts in one step or none, holds a lock on its home, and takes up by itself what a killed one has left.
clientele has an environment of its own (CLIENTELE_ENVIRONMENT, a virtual environment).

Settings are variables of the worker: CLIENTELE_PROJECT, CLIENTELE_ENVIRONMENT, CLIENTELE_EVENTS,
CLIENTELE_HOME, and CLIENTELE_PSEUDONYM_KEY_FILE, a file that only the worker's user may read.
docs/operations.md has the alerts that the build sends itself.

Back-fill: there is none by date. Put the old files beside the others and run the DAG once: what they touch is
built, in whatever order they come. So `catchup` is off, and the date of a run is no argument of the build.
"""

from __future__ import annotations

import json
import os
import urllib.request
from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

BUILD = """
set -eu
CLIENTELE_PSEUDONYM_KEY="$(cat "$CLIENTELE_PSEUDONYM_KEY_FILE")"
export CLIENTELE_PSEUDONYM_KEY
export PATH="$CLIENTELE_ENVIRONMENT/bin:$PATH"
cd "$CLIENTELE_PROJECT"
exec dbt build --profiles-dir profiles --exclude-resource-type unit_test
"""


def tell(context: dict) -> None:
    """Say that a run has failed where the build's own alerts go: a build that never began has sent none."""
    place = os.environ.get("CLIENTELE_ALERT_WEBHOOK")
    if place:
        text = f"Airflow: {context['task_instance'].task_id} failed, run {context['run_id']}"
        body = json.dumps({"kind": "failed", "text": text, "run": context["run_id"]}).encode()
        request = urllib.request.Request(place, body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()


with DAG(
    dag_id="clientele",
    description="Customer segments from the files of shop events",
    schedule="15 3 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),  # noqa: UP017 - workers may have an older Python
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=4),
    default_args={
        # What dbt itself ends (a refused file, a failed test) ends alike again; a killed build goes on.
        "retries": 1,
        "retry_delay": timedelta(minutes=10),
        "on_failure_callback": tell,
    },
    tags=["clientele"],
) as dag:
    BashOperator(task_id="build", bash_command=BUILD, append_env=True)
