"""deploy/redshift/run.py, by which a warehouse is set up, against the stand-in."""

from __future__ import annotations

import pytest
from standin.postgres import DATABASE, PASSWORD, USER
from warehouse import deploy_run


@pytest.fixture
def run(proxy, monkeypatch):
    settings = {
        "REDSHIFT_HOST": "127.0.0.1",
        "REDSHIFT_PORT": str(proxy.port),
        "REDSHIFT_DATABASE": DATABASE,
        "REDSHIFT_USER": USER,
        "DBT_ENV_SECRET_REDSHIFT_PASSWORD": PASSWORD,
        "REDSHIFT_SSLMODE": "disable",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return deploy_run().main


def test_statements_run_and_rows_come_back_as_csv(run, capsys, tmp_path):
    file = tmp_path / "some.sql"
    file.write_text("""
        -- a comment: with :nothing;
        create temporary table t (a varchar(9));
        insert into t values (:first), ('b;c');
        select a, 1 as n from t order by a;
    """)
    assert run(["--file", str(file), "--set", "first=it's, a"]) == 0
    assert capsys.readouterr().out == "b;c,1\n" + '"it\'s, a",1\n'


def test_what_the_warehouse_refuses_is_said_without_a_trace(run, capsys):
    assert run(["select 1 as a; select nothing from nowhere; select 2 as b"]) == 1
    said = capsys.readouterr()
    assert said.out == "1\n"
    assert "refused: select nothing from nowhere" in said.err
    assert "nowhere" in said.err.splitlines()[1]
