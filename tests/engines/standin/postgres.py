"""A PostgreSQL server of its own for the tests: data in a temporary folder, a free port of this machine."""

from __future__ import annotations

import os
import pwd
import resource
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

DATABASE = "warehouse"
OWNER = "admin"
USER = "dbt"
PASSWORD = "for tests only"
_OLDEST, _NEWEST = 15, 17
_MEMORY_BYTES = 2 * 2**30  # of each of its processes
_SCRIPT = Path(__file__).with_name("redshift.psql")


class MissingPostgresError(RuntimeError):
    """There is no PostgreSQL server program; the message says how to get one."""


class Postgres:
    """A server that lives from `start` to `stop`."""

    def __init__(self) -> None:
        self.programs = _programs()
        self.port = _free_port()
        self._account = _account()
        self._folder: Path | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the data folder, start the server, and give its database what Redshift has besides."""
        # Not in pytest's own folder: that one is closed to the account that the server runs under.
        self._folder = Path(tempfile.mkdtemp(prefix="redshift-standin-"))
        if self._account:
            shutil.chown(self._folder, self._account["user"], self._account["group"])
        data = self._folder / "data"
        (password_file := self._folder / "password").write_text(PASSWORD)
        password_file.chmod(0o644)
        self._run(
            "initdb", "-D", data, "-U", OWNER, "-E", "UTF8", "--locale=C", "--no-sync",
            "--auth-local=trust", "--auth-host=md5", "--pwfile", password_file,
        )  # fmt: skip
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._folder,
            "password_encryption": "md5",
            # It need not survive a crash.
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "autovacuum": "off",
            "jit": "off",
            "shared_buffers": "128MB",
            "timezone": "UTC",
            # What Redshift does: a backslash in a literal escapes.
            "standard_conforming_strings": "off",
            "escape_string_warning": "off",
            "backslash_quote": "on",
            # More digits than ten in no result: floats are compared to nine.
            "extra_float_digits": "3",
            # A statement that no test should need: it fails, and the machine lives on.
            "statement_timeout": "120s",
            # Redshift joins by hash or merge where columns are equal. Without statistics of tables that were
            # just made, this one would compare all rows with all.
            "enable_nestloop": "off",
        }
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        self._server = subprocess.Popen(
            [self.programs / "postgres", "-D", data, *options],
            stdout=subprocess.DEVNULL,
            stderr=(self._folder / "log").open("wb"),
            preexec_fn=_limit_memory,
            **self._account,
        )
        self._run("pg_isready", "-h", self._folder, "-p", str(self.port), "-t", "20", attempts=100)
        self.admin(f"create role {USER} login password '{PASSWORD}'", database="postgres")
        self.admin(f"create database {DATABASE} owner {USER}", database="postgres")
        self.admin(_SCRIPT.read_text())

    def stop(self) -> None:
        """End the server and remove its data."""
        if self._server is not None:
            self._server.terminate()
            try:
                self._server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def admin(self, sql: str, database: str = DATABASE) -> str:
        """Run SQL past the proxy, as the owner of the server."""
        return self._run("psql", *self.psql(database)[1:], "-f", "-", text=sql)

    def psql(self, database: str = DATABASE) -> list[object]:
        """Return the call of psql as that owner."""
        return [
            self.programs / "psql", "-h", self._folder, "-p", self.port, "-U", OWNER, "-d", database,
            "-AtqX", "-v", "ON_ERROR_STOP=1",
        ]  # fmt: skip

    def _run(self, program: str, *arguments: object, text: str | None = None, attempts: int = 1) -> str:
        call = [str(self.programs / program), *map(str, arguments)]
        for _ in range(attempts):
            ran = subprocess.run(
                call, input=text, capture_output=True, text=True, cwd=self._folder, **self._account
            )
            if ran.returncode == 0:
                return ran.stdout
            if attempts > 1:
                if self._server is not None and self._server.poll() is not None:
                    break
                subprocess.run(["sleep", "0.1"], check=True)
        log = self._folder / "log"
        tail = log.read_text()[-2000:] if log.exists() else ""
        raise RuntimeError(f"{program} of PostgreSQL failed:\n{ran.stdout}{ran.stderr}{tail}")


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))


def _programs() -> Path:
    """Return the folder with initdb and postgres."""
    candidates = [
        Path(found).resolve().parent for name in ("postgres", "initdb") if (found := shutil.which(name))
    ]
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    candidates += sorted(Path("/usr").glob("pgsql-*/bin"), reverse=True)
    for folder in candidates:
        if all((folder / name).exists() for name in ("initdb", "postgres", "psql", "pg_isready")) and (
            _OLDEST <= _major(folder) <= _NEWEST
        ):
            return folder
    raise MissingPostgresError(
        f"no PostgreSQL server {_OLDEST} to {_NEWEST} found, on which the Redshift stand-in rests: "
        "install one (Debian and Ubuntu: apt-get install postgresql; macOS: brew install postgresql@15)"
    )


def _major(folder: Path) -> int:
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True).stdout
    words = said.split()
    return int(words[2].split(".")[0]) if len(words) > 2 else 0


def _account() -> dict[str, object]:
    """Return the account that the server runs under: PostgreSQL refuses to be root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise MissingPostgresError(
        "PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
