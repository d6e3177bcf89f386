"""deploy/redshift/smoke.sh from end to end on the stand-in, with a stand-in for `aws`.

It proves that every step runs and compares what it says. It proves nothing of what the script is for:
Spectrum is a table here, the query log knows the running statements alone, skew and times are made up.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from redshift_lint import refusals
from standin import Proxy
from support import KEY, ROOT
from warehouse import Warehouse, unloading

pytestmark = pytest.mark.skipif(
    os.environ.get("CLIENTELE_LONG") != "1", reason="CLIENTELE_LONG=1: three builds, some minutes"
)
# The calls of the scripts: files go where the lake of the stand-in reads them, but for LOST_LINES; what
# was unloaded comes from a folder.
AWS = """#!{python}
import os, shutil, subprocess, sys
from pathlib import Path
sys.path[:0] = {paths}
from warehouse import delivery
call = [part for part in sys.argv[1:] if part != "--only-show-errors"]
bucket = Path({bucket!r})
if call[:2] == ["s3", "cp"] and call[-1].startswith("s3://test-bucket/events/delivered="):
    source = Path(call[-2])
    for file in sorted(source.iterdir()) if source.is_dir() else [source]:
        lines = file.read_bytes().splitlines(keepends=True)
        content = b"".join(lines[: len(lines) - int(os.environ["LOST_LINES"])])
        place = call[-1] + file.name if source.is_dir() else call[-1]
        subprocess.run({psql}, input=delivery(place, content), text=True, check=True)
elif call[:3] == ["s3", "cp", "--recursive"]:
    shutil.copytree(bucket / call[3].removeprefix("s3://"), call[4], dirs_exist_ok=True)
elif call[:2] == ["s3", "cp"]:
    shutil.copyfile(bucket / call[2].removeprefix("s3://"), call[3])
else:
    sys.exit(f"aws: {{call}} is not known here")
"""


@pytest.fixture(scope="module")
def smoke(tmp_path_factory, postgres, proxy):
    """Return a function that runs the script against a warehouse that docs/redshift.md has set up."""
    folder, reader = tmp_path_factory.mktemp("smoke"), proxy
    bucket = folder / "bucket"
    proxy = Proxy(
        postgres.port,
        lint=lambda sql: [finding.message for finding in refusals(sql)],
        unload=unloading(postgres, bucket),
    )
    proxy.start()
    warehouse = Warehouse(folder, postgres, proxy, reader)
    aws = folder / "bin/aws"
    aws.parent.mkdir()
    paths = [str(ROOT / "tests/engines"), str(ROOT / "tests")]
    psql = [*postgres.psql(), "-f", "-"]
    aws.write_text(
        AWS.format(python=sys.executable, paths=paths, psql=list(map(str, psql)), bucket=str(bucket))
    )
    aws.chmod(0o755)
    environment = warehouse.environment() | {
        "PATH": f"{aws.parent}{os.pathsep}{os.environ['PATH']}",
        "BUCKET": "test-bucket",
        "CLIENTELE_PSEUDONYM_KEY": KEY,
        "SMOKE_FOLDER": str(folder / "work"),
        "SMOKE_USERS": "300",
    }

    def run(**changed: str) -> subprocess.CompletedProcess[str]:
        call = [ROOT / "deploy/redshift/smoke.sh"]
        settings = {"LOST_LINES": "0", **environment, **changed}
        return subprocess.run(call, env=settings, capture_output=True, text=True, cwd=Path("/"))

    run.proxy = proxy
    yield run
    proxy.stop()


def test_a_line_that_the_lake_lacks_stops_it(smoke):
    ran = smoke(LOST_LINES="1")
    assert ran.returncode == 1 and "lines in the files, Spectrum gives" in ran.stderr, ran.stderr[-2000:]


def test_every_step_runs(smoke):
    ran = smoke()
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    for step in range(1, 12):
        assert f"\n== {step}. " in ran.stdout
    assert "key material: none" in ran.stdout
    assert " customers, 0 differ" in ran.stdout and "\n0 customers" not in ran.stdout
    assert " customers in the files of " in ran.stdout
    assert "KEY(user_sk),user_sk" in ran.stdout
    assert smoke.proxy.refusals == []
    assert KEY not in ran.stdout + ran.stderr


def test_a_warehouse_that_holds_events_is_left_alone(smoke):
    ran = smoke()
    assert ran.returncode == 2 and "use a database of its own" in ran.stderr
