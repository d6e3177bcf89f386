"""The project on the stand-in: the same files as a house of tests/support.py, built with the target redshift.

Set up by deploy/redshift/setup.sql, and built by its user with its grants.
"""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from unittest import mock

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import redshift_connector
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from standin import Postgres, Proxy, dialect
from standin.postgres import DATABASE, OWNER, PASSWORD
from support import MATERIAL, ROOT, Build, shared, unpickled

from clientele.privacy import redshift_key, redshift_subjects

SETUP = ROOT / "deploy/redshift/setup.sql"
USER = "clientele_build"
DAY = "2020-01-01"  # on which files are delivered, unless a test says otherwise
ROLES = ("clientele_build", "clientele_analyst", "clientele_reader", "clientele_inspector")


@dataclass
class Warehouse:
    """A lake of files in S3 and the warehouse that is built from it, on the stand-in."""

    folder: Path
    postgres: Postgres
    proxy: Proxy  # what dbt talks to
    reader: Proxy  # what the test talks to
    variables: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.postgres.admin("drop schema if exists lake, vault, core, marts, monitor cascade")
        for role in self.postgres.admin(f"select rolname from pg_roles where rolname in {ROLES}").split():
            self.postgres.admin(f"drop owned by {role}; drop role {role}")
        self.postgres.admin(
            "create schema lake; "
            "create table lake.lines "
            '(line varchar(65535), "$path" varchar(4096), "$size" bigint, delivered date); '
            "create table lake.partitions (delivered date, location text); "
            "create view lake.event_lines as select lines.* from lake.lines "
            "where delivered in (select delivered from lake.partitions); "
            "grant select on lake.event_lines to public; grant select, insert on lake.partitions to public"
        )
        with mock.patch.dict(os.environ, self.connects(OWNER) | {"BUILD_PASSWORD": PASSWORD}):
            assert (
                deploy_run().main(["--file", str(SETUP), "--set", "build_password=env:BUILD_PASSWORD"]) == 0
            )
        with self.connection(self.proxy, USER) as connection:
            redshift_key.store(connection, MATERIAL)

    def connection(self, proxy: Proxy, user: str) -> redshift_connector.Connection:
        return redshift_connector.connect(
            host="127.0.0.1", port=proxy.port, database=DATABASE, user=user, password=PASSWORD, ssl=False
        )

    # --- the lake

    def deliver(self, name: str, content: bytes, day: str = DAY) -> None:
        """Put a file into the lake, in the place of one of that name: its lines, as Spectrum gives them."""
        self.postgres.admin(delivery(f"s3://lake/events/delivered={day}/{name}", content))
        self.postgres.admin(
            f"insert into lake.partitions select '{day}', 's3://lake/events/delivered={day}/' "
            f"where not exists (select from lake.partitions where delivered = '{day}')"
        )

    # --- dbt

    def connects(self, user: str) -> dict[str, str]:
        """Return the environment of whoever connects as this user, as docs/redshift.md sets it."""
        return {
            "REDSHIFT_HOST": "127.0.0.1",
            "REDSHIFT_PORT": str(self.proxy.port),
            "REDSHIFT_DATABASE": DATABASE,
            "REDSHIFT_USER": user,
            "DBT_ENV_SECRET_REDSHIFT_PASSWORD": PASSWORD,
            "REDSHIFT_SSLMODE": "disable",
        }

    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("CLIENTELE_", "DBT_", "REDSHIFT_"))
        }
        return (
            kept
            | self.connects(USER)
            | {
                "CLIENTELE_GRANTS": "true",
                "DBT_TARGET_PATH": str(self.folder / "target"),
                "DBT_LOG_PATH": str(self.folder / "logs"),
                "DBT_PROJECT_DIR": str(ROOT),
                "DBT_PROFILES_DIR": str(ROOT / "profiles"),
                "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
                "DBT_USE_COLORS": "false",
                "LOKY_MAX_CPU_COUNT": "1",  # pytest has a process for each processor
            }
        )

    def run(
        self,
        *call: str,
        variables: dict[str, object] | None = None,
        change: Callable[[Manifest], object] | None = None,
        **environment: str,
    ) -> Build:
        """Run dbt with the target redshift in this process; `change` is done to the project before."""
        text = json.dumps(self.variables | (variables or {}))
        lines: list[str] = []
        with mock.patch.dict(os.environ, self.environment() | environment, clear=True):
            manifest = unpickled(shared(f"redshift {text}", lambda: self._parse(text)))
            if change:
                change(manifest)
                manifest.build_flat_graph()
            runner = dbtRunner(manifest=manifest, callbacks=[lambda event: lines.append(event.info.msg)])
            ran = runner.invoke(["--quiet", *call, "--target", "redshift", "--vars", text])
        results = getattr(ran.result, "results", None) or []
        results = [result for result in results if hasattr(result, "node")]
        status = {result.node.name: str(result.status) for result in results}
        compiled = {result.node.name: getattr(result.node, "compiled_code", None) for result in results}
        return Build(ran.success, "\n".join([*lines, str(ran.exception or "")]), status, compiled)

    @staticmethod
    def _parse(variables: str) -> Manifest:
        parsed = dbtRunner().invoke(["--quiet", "parse", "--target", "redshift", "--vars", variables])
        assert parsed.success, parsed.exception
        return parsed.result

    def build(self, *call: str, **settings: object) -> Build:
        """Run `dbt build --target redshift` and insist on success."""
        built = self.run("build", *call, **settings)
        assert built.succeeded, built.said[-6000:]
        return built

    def name_subjects(self, *user_ids: str) -> None:
        """Say whom the next operation is about."""
        with self.connection(self.proxy, USER) as connection:
            named = {"CLIENTELE_SUBJECT": user_ids[0]} if user_ids else {}
            redshift_subjects.name(connection, named)

    # --- what is in the warehouse

    def rows(self, query: str) -> list[tuple]:
        with self.connection(self.reader, OWNER) as connection:
            return [tuple(row) for row in connection.cursor().execute(query).fetchall()]


def deploy_run() -> ModuleType:
    """Return deploy/redshift/run.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("run", ROOT / "deploy/redshift/run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def delivery(path: str, content: bytes) -> str:
    """Return the statements that put a file into the lake at this place."""
    text = gzip.decompress(content) if path.endswith(".gz") else content
    lines = text.split(b"\n")
    if not lines[-1]:
        lines.pop()  # the end of the last line begins no other one
    day = path.split("/delivered=")[1].split("/")[0]
    rows = "".join(f"{_copied(line)}\t{path}\t{len(content)}\t{day}\n" for line in lines)
    return f"delete from lake.lines where \"$path\" = '{path}';\ncopy lake.lines from stdin;\n{rows}\\.\n"


def unloading(postgres: Postgres, bucket: Path) -> Callable[[dialect.Unload, str], None]:
    """Return what carries out UNLOAD into a folder: the names of files, and what Redshift refuses."""

    def unload(asked: dialect.Unload, query: str) -> None:
        target = bucket / asked.key()
        held = [path for path in bucket.rglob("*") if str(path.relative_to(bucket)).startswith(asked.prefix)]
        if any(path.is_file() for path in held) and not asked.may_overwrite:
            raise dialect.RefusedError(
                f"Specified unload destination on S3 is not empty: s3://{asked.prefix}"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        how = "csv, header" if asked.is_parquet else "text, delimiter '|'"
        text = postgres.admin(f"copy ({query.rstrip('; ')}) to stdout with (format {how})")
        if asked.is_parquet:
            pq.write_table(pa_csv.read_csv(io.BytesIO(text.encode())), target)
        else:
            target.write_text(text)

    return unload


def _copied(line: bytes) -> str:
    """Return a line as COPY's text format has it; what is no character in UTF-8 as Spectrum replaces it."""
    text = line.decode("utf-8", "replace").replace("\ufffd", "\x1a").replace("\0", "\x1a")
    text = text.encode()[:65535].decode("utf-8", "ignore")  # lake.sql: surplus_char_handling
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\r", "\\r")
