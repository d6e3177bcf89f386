"""The example for Airflow, read with stand-ins for the two classes that it uses.

Airflow is 200 MB and not in the lock. That it takes the files itself is tried where AIRFLOW_PYTHON names the
Python of an environment that has it (apache-airflow-core, apache-airflow-providers-standard,
astronomer-cosmos).
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from support import own_manifest

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "deploy" / "airflow" / "clientele_dag.py"


@pytest.fixture
def read(monkeypatch) -> SimpleNamespace:
    """Return what the file makes: the DAG's settings, its tasks, and its names."""
    made = SimpleNamespace(dag=None, tasks=[])

    class Dag:
        def __init__(self, **settings):
            made.dag = settings

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    for name, members in {
        "airflow": {},
        "airflow.sdk": {"DAG": Dag},
        "airflow.providers": {},
        "airflow.providers.standard": {},
        "airflow.providers.standard.operators": {},
        "airflow.providers.standard.operators.bash": {"BashOperator": lambda **task: made.tasks.append(task)},
    }.items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    made.names = runpy.run_path(str(FILE))
    return made


def test_it_is_one_build_at_a_time_without_catching_up(read):
    assert read.dag["max_active_runs"] == 1 and read.dag["catchup"] is False
    assert read.dag["default_args"]["retries"] <= 1 and read.dag["start_date"].tzinfo is not None
    (task,) = read.tasks
    assert task["append_env"] is True and task["bash_command"].count("dbt build") == 1


def test_the_task_builds_in_clientele_s_environment_with_the_key_of_a_file(read, tmp_path):
    (tmp_path / "bin").mkdir()
    dbt = tmp_path / "bin" / "dbt"
    dbt.write_text('#!/bin/sh\necho "$PWD: dbt $*: $CLIENTELE_PSEUDONYM_KEY"\nexit 3\n')
    dbt.chmod(0o755)
    (tmp_path / "key").write_text("it's a $(secret)\n")
    environment = {
        "PATH": "/usr/bin:/bin",
        "CLIENTELE_ENVIRONMENT": str(tmp_path),
        "CLIENTELE_PROJECT": str(tmp_path),
        "CLIENTELE_PSEUDONYM_KEY_FILE": str(tmp_path / "key"),
    }
    command = ["bash", "-c", read.tasks[0]["bash_command"]]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    arguments = "build --profiles-dir profiles --exclude-resource-type unit_test"
    assert (ran.returncode, ran.stdout) == (3, f"{tmp_path}: dbt {arguments}: it's a $(secret)\n")
    environment["CLIENTELE_PSEUDONYM_KEY_FILE"] = str(tmp_path / "nowhere")
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ran.returncode == 1 and not ran.stdout and "nowhere" in ran.stderr


def test_a_failed_run_is_told_where_builds_tell_theirs(read, monkeypatch):
    got = []

    class Hears(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    context = {"task_instance": SimpleNamespace(task_id="build"), "run_id": "scheduled__1"}
    monkeypatch.delenv("CLIENTELE_ALERT_WEBHOOK", raising=False)
    read.names["tell"](context)
    with HTTPServer(("127.0.0.1", 0), Hears) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        monkeypatch.setenv("CLIENTELE_ALERT_WEBHOOK", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        read.names["tell"](context)
        thread.join()
    assert got == [
        {"kind": "failed", "text": "Airflow: build failed, run scheduled__1", "run": "scheduled__1"}
    ]


@pytest.mark.skipif("AIRFLOW_PYTHON" not in os.environ, reason="AIRFLOW_PYTHON names no Python with Airflow")
def test_airflow_itself_takes_the_file(tmp_path):
    script = (
        f"import runpy; dag = runpy.run_path({str(FILE)!r})['dag']; dag.validate(); "
        "print(dag.dag_id, [task.task_id for task in dag.tasks], dag.max_active_runs, dag.catchup)"
    )
    environment = {"PATH": os.environ["PATH"], "AIRFLOW_HOME": str(tmp_path), "HOME": str(tmp_path)}
    call = [os.environ["AIRFLOW_PYTHON"], "-c", script]
    ran = subprocess.run(call, env=environment, capture_output=True, text=True)
    assert ran.stdout.splitlines()[-1:] == ["clientele ['build'] 1 False"], ran.stderr


def test_dbt_with_the_key_of_a_file_builds_the_project_itself(tmp_path):
    """Cosmos asks for a build of its copy of the project; what a build leaves in target/ has to stay."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "my project").mkdir()
    dbt = tmp_path / "bin" / "dbt"
    dbt.write_text('#!/bin/sh\necho "$PWD: $*: $CLIENTELE_PSEUDONYM_KEY: ${DBT_TARGET_PATH-none}"\nexit 3\n')
    dbt.chmod(0o755)
    (tmp_path / "key").write_text("it's a $(secret)\n")
    environment = {
        "PATH": "/usr/bin:/bin",
        "CLIENTELE_ENVIRONMENT": str(tmp_path),
        "CLIENTELE_PROJECT": str(tmp_path / "my project"),
        "CLIENTELE_PSEUDONYM_KEY_FILE": str(tmp_path / "key"),
        "DBT_TARGET_PATH": "/somewhere",
    }
    call = [str(FILE.with_name("dbt-with-key")), "build", "--project-dir", "/copy"]
    ran = subprocess.run(call, env=environment, capture_output=True, text=True)
    project = f"{tmp_path}/my project"
    said = f"{project}: build --project-dir /copy --project-dir {project}: it's a $(secret): none\n"
    assert (ran.returncode, ran.stdout) == (3, said)
    environment["CLIENTELE_PSEUDONYM_KEY_FILE"] = str(tmp_path / "nowhere")
    ran = subprocess.run(call, env=environment, capture_output=True, text=True)
    assert ran.returncode and not ran.stdout and "nowhere" in ran.stderr


@pytest.mark.skipif("AIRFLOW_PYTHON" not in os.environ, reason="AIRFLOW_PYTHON names no Python with Airflow")
def test_cosmos_makes_one_build_and_a_watcher_for_each_table(tmp_path):
    manifest = tmp_path / "manifest.json"
    own_manifest().writable_manifest().write(str(manifest))
    file = FILE.with_name("clientele_cosmos_dag.py")
    script = (
        f"import json, runpy; names = runpy.run_path({str(file)!r}); dag = names['dag']; dag.validate(); "
        "one = dag.get_task(names['PRODUCER']); command = one.build_cmd({}, one.add_cmd_flags())[0]; "
        "print(json.dumps([[str(part) for part in command], dag.max_active_runs, dag.catchup, "
        "sum(type(task).__name__ == 'DbtRunWatcherOperator' for task in dag.tasks)]))"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "AIRFLOW_HOME": str(tmp_path),
        "HOME": str(tmp_path),
        "CLIENTELE_PROJECT": str(ROOT),
        "CLIENTELE_MANIFEST": str(manifest),
    }
    call = [os.environ["AIRFLOW_PYTHON"], "-c", script]
    ran = subprocess.run(call, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    command, runs, catchup, n_tables = json.loads(ran.stdout.splitlines()[-1])
    assert command[0] == str(FILE.with_name("dbt-with-key")) and command.count("build") == 1
    assert "--select" not in command and "--resource-type" not in command, "tests are part of a build"
    assert (runs, catchup) == (1, False)
    assert n_tables == len([node for node in own_manifest().nodes.values() if node.resource_type == "model"])
