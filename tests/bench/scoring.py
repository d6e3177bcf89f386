"""How many users a second the scoring SQL labels: python tests/bench/scoring.py [users].

dbt renders the macro behind core.centroid_scores once; DuckDB runs it, on two threads, over made-up users.
"""

from __future__ import annotations

import io
import re
import sys
import time
from contextlib import chdir, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import duckdb
import numpy as np
from dbt.cli.main import dbtRunner

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import ROOT, House

SEGMENTS = 8
MACRO = (
    "with features as (select * from features), "
    "{{ clientele.persona_score_ctes('features') }} select * from persona_scores"
)
NAMES = "{{ clientele.feature_names() | join(',') }}"


def rendered() -> tuple[str, list[str]]:
    """Return the scoring statement and the names of the features."""
    with TemporaryDirectory() as folder, chdir(ROOT):
        house = House(Path(folder))
        house.home.mkdir()
        environment = mock.patch.dict("os.environ", house.environment(), clear=True)
        with environment, redirect_stdout(io.StringIO()):
            ran = dbtRunner().invoke(["--quiet", "compile", "--inline", f"{MACRO}\n-- features: {NAMES}"])
        if not ran.success:
            raise SystemExit(f"dbt could not render the scoring macro: {ran.exception}")
        statement, names = ran.result.results[0].node.compiled_code.split("-- features: ")
    statement = re.sub(r"\S+segment_weights\S*", "weights_of_model", statement)
    return statement, names.strip().split(",")


def main(n_users: int) -> None:
    """Time three runs and print the best."""
    statement, names = rendered()
    chance = np.random.default_rng(0)
    with duckdb.connect(config={"threads": 2}) as connection:
        columns = ", ".join(f"random() * 4 - 2 as {name}" for name in names)
        connection.execute("select setseed(0.5)")
        connection.execute(
            f"create table features as select range as user_sk, {columns} from range({n_users})"
        )
        connection.execute(
            "create table weights_of_model (segment_id integer, feature varchar, feature_position integer, "
            "weight double, feature_mean double, clip_lo double, clip_hi double)"
        )
        connection.executemany(
            "insert into weights_of_model values (?, ?, ?, ?, 0, -1.5, 1.5)",
            [
                (segment, name, position, float(chance.normal()))
                for segment in range(1, SEGMENTS + 1)
                for position, name in enumerate(["(intercept)", *names])
            ],
        )
        seconds = []
        for _ in range(3):
            started = time.perf_counter(), time.process_time()
            connection.execute(f"create or replace table scores as {statement}")
            seconds.append((time.perf_counter() - started[0], time.process_time() - started[1]))
        assert connection.execute("select count(*) from scores").fetchone() == (n_users,)
    elapsed, busy = min(seconds)
    print(
        f"{n_users:,} users, {len(names)} features, {SEGMENTS} personas, with reasons: {elapsed:.2f} s "
        f"on 2 threads ({busy:.2f} CPU-seconds), {n_users / elapsed:,.0f} users a second"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000)
