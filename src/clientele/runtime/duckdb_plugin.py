"""The plug point into dbt-duckdb: key material, the look at the files, and publishing.

dbt-duckdb loads :class:`Plugin` because the profile names this module. SQL reaches it in two ways only:

* a session variable with the derived keys, so that no statement, log or artefact carries them;
* functions: ``clientele_key_problem()``, ``clientele_inventory(known, reading)``,
  ``clientele_publication_start(facts)``, ``clientele_publication_take_over(folder, file, contents)`` and
  ``clientele_publication_finish(folder)``; for erasure and key rotation (macros/privacy/rights.sql) those on
  the ring, the subjects, the rewritten files and the next key.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.flags import get_flags
from dbt_common.events.contextvars import get_node_info
from dbt_common.exceptions import DbtRuntimeError

from clientele import __version__
from clientele.ids import normal_text
from clientele.intake import formats, lake, mending, side, spellings, times
from clientele.privacy import keys, rights
from clientele.runtime import (
    generations,
    idle,
    locking,
    lookup,
    memory,
    modes,
    publishing,
    rewriting,
    scoring_bundle,
    stopping,
    telemetry,
    views,
)

EVENTS_VARIABLE = "CLIENTELE_EVENTS"


class Plugin(BasePlugin):
    """dbt-duckdb's hooks, called once a process and once a cursor."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Make the folder of the databases: DuckDB would only say that it cannot open the file."""
        if self.creds is not None and self.creds.path != ":memory:":
            home = self._home
            if "?" in self.creds.path:
                raise DbtRuntimeError(
                    f"CLIENTELE_HOME: {home} has a ? in it, which DuckDB takes for the end of a file's name. "
                    "Use another folder."
                )
            try:
                home.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise DbtRuntimeError(
                    f"CLIENTELE_HOME: the folder {home} cannot be made: {error.strerror}."
                ) from None
            which = getattr(get_flags(), "WHICH", None)
            asked = _invocation()
            if asked is not None and _is_the_program():
                _end_if_idle(home, asked)
            if which in ("build", "run", "retry"):
                telemetry.begin(home, which)
                atexit.register(
                    telemetry.end_unended, home, "it ended before its end was told: see what dbt said"
                )
                stopping.before_the_end(
                    lambda name: telemetry.end_unended(home, f"stopped by {name}", stopping.SECONDS)
                )
            if which == "build":
                try:
                    publishing.check_place(home)
                except publishing.PublicationError as problem:
                    raise DbtRuntimeError(str(problem)) from None
            modes.make_private(home, getattr(get_flags(), "LOG_PATH", None))
            try:
                locking.take(home)
            except locking.HomeInUseError as problem:
                raise DbtRuntimeError(str(problem)) from None
            # Files that an erasure or a rotation has written anew take their place while nothing is open.
            rewriting.finish(home)
            if which in ("build", "run", "retry"):
                idle.forget(home)
            if asked is not None:
                idle.begin(home, asked)
                if _is_the_program():  # another program may change the home again before it ends
                    atexit.register(idle.settle, home)
            atexit.register(rewriting.finish, home)
            shutil.rmtree(home / "unpacked", ignore_errors=True)
            atexit.register(shutil.rmtree, home / "unpacked", ignore_errors=True)
            # What is registered last runs first: by then the connection is closed (below).
            atexit.register(rewriting.give_back, home / "batch.duckdb")

    def update_connection_config(self, creds: Any, config: dict[str, Any]) -> None:
        """Open the warehouse before dbt-duckdb does: only here can it be explained when this fails.

        In a container DuckDB keeps to the container's memory, unless CLIENTELE_MEMORY says otherwise.
        """
        if not os.environ.get("CLIENTELE_MEMORY"):
            config["memory_limit"] = memory.for_duckdb(config.get("memory_limit", "3GB"))
        places = [creds.path, *(database.path for database in creds.attach or [])]
        self._made = [path for path in map(Path, places) if not path.exists()]
        with _explained(creds.path):
            self._opened = duckdb.connect(creds.path, config=config)

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Attach the vault, and register the functions.

        All functions have side effects: DuckDB must not run them while it plans.
        """
        self._opened.close()
        for database in self.creds.attach or []:
            try:
                with _explained(database.path):
                    conn.execute(database.to_sql())
            except DbtRuntimeError:
                conn.close()  # dbt tries once more, and must find nothing left of this attempt
                raise
        flags = get_flags()
        told = generations.problem(
            conn,
            self._home,
            is_build=getattr(flags, "WHICH", None) != "run-operation",
            # erase_subjects finishes requests of the kind erase, and so on
            request=(getattr(flags, "MACRO", None) or "").partition("_")[0],
        )
        if told:
            conn.close()
            for path in self._made:  # an empty file is no vault, and must not be taken for one
                path.unlink(missing_ok=True)
            raise DbtRuntimeError(told)
        atexit.register(
            conn.close
        )  # else the interpreter ends with a page of leak warnings from the bindings
        text = "VARCHAR"
        conn.create_function("clientele_normal_text", normal_text, [text], text)
        conn.create_function(
            "clientele_utc_time", times.utc_time, [text, text], "TIMESTAMP", null_handling="special"
        )
        conn.create_function(
            "clientele_fraction_ns", times.fraction_ns, [text], "INTEGER", null_handling="special"
        )
        conn.create_function(
            "clientele_readable_number",
            spellings.readable_number,
            [text],
            "BIGINT",
            null_handling="special",
        )
        if not _may_change_anything():
            # `dbt show` and the like print what they read: no file, and none of the functions below.
            conn.execute("set enable_external_access = false")
            return
        conn.create_function("clientele_next_user_key", _next_user_key(), [text], text)
        for name, function, arguments in (
            ("clientele_run_ended", self._run_ended, [text]),
            ("clientele_note_build", self._note_build, [text]),
            ("clientele_version", lambda: __version__, []),
            ("clientele_key_problem", _key_problem, []),
            ("clientele_lake_problem", _lake_problem, []),
            ("clientele_inventory", _inventory, [text, text]),
            ("clientele_unpacked", self._unpacked, [text, text]),
            ("clientele_side_inventory", _side_inventory, [text, text]),
            ("clientele_side_lines", self._side_lines, [text, text]),
            ("clientele_publication_start", self._start_publication, [text]),
            ("clientele_publication_take_over", _take_over_publication, [text, text, text]),
            ("clientele_scoring_program", _write_scoring_program, [text, text]),
            ("clientele_publication_finish", _finish_publication, [text]),
            ("clientele_new_ring", _new_ring, []),
            ("clientele_ring_opens", _ring_opens, [text]),
            ("clientele_resealed_ring", _resealed_ring, [text]),
            ("clientele_next_key_problem", _next_key_problem, []),
            ("clientele_rotated_ring", _rotated_ring, [text]),
            ("clientele_mask_change", _mask_change, [text, text]),
            ("clientele_subjects", _subjects, [text]),
            ("clientele_subjects_problem", _subjects_problem, [text, "BOOLEAN"]),
            ("clientele_mended", _mended, [text, text, text]),
            ("clientele_republication_start", self._start_republication, []),
            ("clientele_republication_finish", self._finish_republication, ["BIGINT"]),
            ("clientele_rewrite_start", self._start_rewriting, []),
            ("clientele_rewrite_finish", self._finish_rewriting, []),
        ):
            conn.create_function(name, function, arguments, text, null_handling="special", side_effects=True)

    def configure_cursor(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Hand the derived keys to this cursor, in one variable; cursors do not share theirs.

        Only where they are needed: in builds and operations, and there on the connection of a model of the
        vault or of the run itself. `dbt show`, which prints what it reads, finds no key.
        """
        stopping.listen()  # here: the first cursor of the main thread comes before the first model
        if not _may_have_keys():
            return
        try:
            material = keys.from_environment()
        except keys.MissingKeyError:
            return  # models that need a key are stopped by require_pseudonym_key()
        values: dict[str, str | int | None] = {
            "user_inner": material.user_inner,
            "user_outer": material.user_outer,
            "session": material.session,
            "session_mask": 0,
            "erased_inner": None,
            "erased_outer": None,
        }
        ring = _ring_of(cursor)
        if ring is not None:
            values |= {
                "session": ring.session,
                "session_mask": ring.session_mask,
                "erased_inner": ring.erased_inner,
                "erased_outer": ring.erased_outer,
            }
        cursor.execute("set variable clientele_keys = $values", {"values": values})

    @property
    def _home(self) -> Path:
        return Path(self.creds.path).parent

    def _unpacked(self, path: str | None, packed: str | None) -> str | None:
        """Write a packed file's text beside the databases, for DuckDB, which does not know this packing.

        It stays until the next one is written; without a path it goes.
        """
        shutil.rmtree(self._home / "unpacked", ignore_errors=True)
        if path is None or packed is None:
            return None
        target = self._home / "unpacked" / f"{sha256(path.encode()).hexdigest()[:32]}.csv"
        formats.unpack(path, packed, target)
        return str(target)

    def _side_lines(self, files: str, declared: str) -> str:
        """Split lines of side inputs into a file for DuckDB; return its `path`, or the `problem`, as JSON.

        It stays until `_unpacked` is called without a path.
        """
        inputs, delimiter = _declared(declared)
        target = self._home / "unpacked" / "side_lines.parquet"
        try:
            side.write_lines(json.loads(files), inputs, delimiter, target)
        except side.SideError as problem:
            return json.dumps({"problem": str(problem)})
        return json.dumps({"path": str(target)})

    def _run_ended(self, facts: str) -> str:
        return "\n".join(telemetry.end(self._home, json.loads(facts)))

    def _note_build(self, facts: str) -> None:
        said = json.loads(facts)
        idle.note(self._home, idle.built(said["run_id"], said["files"], said["due"], said["due_days"]))

    def _start_republication(self) -> str:
        return json.dumps(rewriting.start_publications(self._home))

    def _finish_republication(self, n_requests: int) -> None:
        rewriting.finish_publications(self._home, n_requests)

    def _start_rewriting(self) -> str:
        return str(rewriting.start(self._home))

    def _finish_rewriting(self) -> None:
        rewriting.mark_whole(self._home)

    def _start_publication(self, facts: str) -> str:
        return str(publishing.start(self._home, json.loads(facts)))


# A whole build is asked for without these. With one it is not whole, or is to be done in any case.
_SELECTIONS = (
    *("SELECT", "EXCLUDE", "SELECTOR", "RESOURCE_TYPES", "FULL_REFRESH", "EMPTY", "SAMPLE", "STORE_FAILURES"),
    *("EVENT_TIME_START", "EVENT_TIME_END", "DEFER", "STATE", "DEFER_STATE", "FAVOR_STATE"),
)


def _invocation() -> idle.Invocation | None:
    """Return what a whole build is asked for; None for anything else that dbt does."""
    flags = get_flags()
    left_out = set(getattr(flags, "EXCLUDE_RESOURCE_TYPES", None) or ())
    if getattr(flags, "WHICH", None) != "build" or left_out - {"unit_test"}:
        return None
    if any(getattr(flags, name, None) for name in _SELECTIONS):
        return None
    return idle.Invocation(
        Path(flags.PROJECT_DIR),
        Path(flags.PROFILES_DIR),
        flags.VARS,
        flags.TARGET,
        flags.PROFILE,
        with_unit_tests="unit_test" not in left_out,
    )


def _is_the_program() -> bool:
    """Return whether this process is dbt, and not a program that calls it."""
    return Path(sys.argv[0]).stem == "dbt"


def _end_if_idle(home: Path, asked: idle.Invocation) -> None:
    """End the process when nothing is to be done: dbt takes any other way to end here for an error."""
    if idle.reason(home, asked) is None:
        for line in idle.rest(home, f"{idle.FORCE}=1"):
            print(line)
        atexit._run_exitfuncs()
        sys.stdout.flush()
        os._exit(0)


def _may_change_anything() -> bool:
    """Return whether dbt is started to change something, and so reads and writes files."""
    return getattr(get_flags(), "WHICH", None) in ("build", "run", "retry", "run-operation", "seed")


def _may_have_keys() -> bool:
    """Return whether what dbt does on this thread just now computes pseudonyms."""
    flags = get_flags()
    if getattr(flags, "WHICH", None) == "seed" or not _may_change_anything():
        return False
    if flags.WHICH == "run-operation":  # any macro can be named, and run_query takes any statement
        return str(flags.MACRO).removeprefix("clientele.") in rights.OPERATIONS
    node = get_node_info()
    relation = node.get("node_relation") or {}
    return node.get("resource_type") in (None, "", "operation") or relation.get("schema") == "vault"


@contextmanager
def _explained(path: str) -> Iterator[None]:
    """Turn what DuckDB says when it cannot open a database into what is to be done."""
    try:
        yield
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        holder = re.search(r"lock is held in (.*) \(PID (\d+)", said)
        if holder:
            sentence = (
                f"{path} is in use by process {holder[2]} ({holder[1]}): another build, or a client that has "
                "it open. Nothing was changed. Build again when it has ended; who only reads should read the "
                "files in published/."
            )
        elif re.search("[Mm]emory.*(unit|number)|Memory must", said):
            sentence = f"CLIENTELE_MEMORY: {said}"
        else:
            sentence = f"{path} cannot be opened: {said}"
    else:
        return
    raise DbtRuntimeError(sentence)


def _take_over_publication(folder: str, name: str, contents: str) -> str:
    return "true" if publishing.take_over(Path(folder), name, contents) else "false"


def _write_scoring_program(folder: str, facts: str) -> str:
    """Return the tables to write, as JSON; none, and the `problem`, when there is no program to write."""
    project = Path(get_flags().PROJECT_DIR or ".")  # dbt names the files of compiled models from there
    try:
        tables = scoring_bundle.write_program(Path(folder), project, json.loads(facts))
    except OSError as problem:  # no reason to hold back the marts
        return json.dumps({"tables": [], "problem": f"{problem.filename}: {problem.strerror}"})
    return json.dumps({"tables": tables, "problem": None})


def _finish_publication(folder: str) -> str:
    views.write(Path(folder))
    lookup.take_over_or_write(Path(folder))
    return str(publishing.finish(Path(folder)))


def _key_problem() -> str | None:
    try:
        keys.from_environment()
    except keys.MissingKeyError as problem:
        return str(problem)
    return None


def _ring_of(cursor: duckdb.DuckDBPyConnection) -> keys.Ring | None:
    try:
        rows = cursor.execute("select sealed from vault.vault.key_ring").fetchall()
    except duckdb.CatalogException:
        return None  # a new warehouse
    return keys.unseal(rows[0][0], keys.secret_from_environment()) if rows else None


def _new_ring() -> str:
    secret = keys.secret_from_environment()
    return keys.seal(keys.new_ring(secret), secret)


def _ring_opens(sealed: str) -> str:
    return "true" if keys.unseal(sealed, keys.secret_from_environment()) else "false"


def _resealed_ring(sealed: str) -> str:
    """Return the ring as it is sealed today, or as it is when its seal is of today or not of this key."""
    secret = keys.secret_from_environment()
    ring = keys.unseal(sealed, secret) if keys.is_sealed_as_before(sealed) else None
    return keys.seal(ring, secret) if ring else sealed


def _next_key_problem() -> str | None:
    variable = keys.NEXT_ENVIRONMENT_VARIABLE
    try:
        keys.derive(keys.secret_from_environment(variable))
    except keys.MissingKeyError as problem:
        return str(problem).replace(keys.ENVIRONMENT_VARIABLE, variable)
    if keys.secret_from_environment(variable) == keys.secret_from_environment():
        return f"{variable} is the key that this warehouse has already: make another one."
    return None


def _rotated_ring(sealed: str) -> str | None:
    ring = keys.unseal(sealed, keys.secret_from_environment())
    return ring and keys.seal(ring.rotated(), keys.secret_from_environment(keys.NEXT_ENVIRONMENT_VARIABLE))


def _mask_change(sealed: str, rotated: str) -> str | None:
    ring = keys.unseal(sealed, keys.secret_from_environment())
    after = keys.unseal(rotated, keys.secret_from_environment(keys.NEXT_ENVIRONMENT_VARIABLE))
    return str(ring.session_mask ^ after.session_mask) if ring and after else None


def _next_user_key() -> Callable[[str], str]:
    """Return the function that gives a user's pseudonym under the next key; the key is derived once."""

    @cache
    def material() -> keys.KeyMaterial:
        return keys.derive(keys.secret_from_environment(keys.NEXT_ENVIRONMENT_VARIABLE))

    return lambda user_id: keys.user_key(user_id, material())


def _subjects(kind: str) -> str:
    return json.dumps(rights.subjects(os.environ, kind))


def _subjects_problem(kind: str, is_settled: bool) -> str | None:
    try:
        rights.subjects(os.environ, kind, is_settled=is_settled)
    except rights.RightsError as problem:
        return str(problem)
    return None


def _mended(kind: str, delimiter: str, files: str) -> str:
    """Mend files as the environment says; return `lines`, or the `problem` that stops it, as JSON."""
    try:
        (user_id,) = rights.subjects(os.environ, kind)
        asked = mending.corrections(Path(os.environ.get(rights.CORRECTIONS, "")))
        folder = Path(os.environ.get(rights.MENDED_FOLDER, "mended"))
        return json.dumps({"lines": mending.mend(asked, json.loads(files), user_id, kind, delimiter, folder)})
    except (mending.MendingError, formats.Refusal, OSError) as problem:
        return json.dumps({"problem": str(problem)})


def _lake_problem() -> str | None:
    try:
        lake.find(os.environ.get(EVENTS_VARIABLE, ""), lambda _: None)
    except lake.LakeError as problem:
        return str(problem)
    return None


def _inventory(known: str, reading: str) -> str:
    """Look at the files of CLIENTELE_EVENTS; ledger rows in and out, as JSON (macros/intake/lake.sql)."""
    said = json.loads(reading)
    rows = said["columns"] or []
    how = lake.Reading(
        delimiter=said["delimiter"],
        names={row["column_name"]: row["input_column"] for row in reversed(rows) if row["input_column"]},
        implied={row["column_name"]: row["event_type"] for row in rows if row["event_type"]},
    )
    patterns = os.environ.get(EVENTS_VARIABLE, "")
    try:
        found = lake.inventory(patterns, lake.known_from_json(known), reading=how)
    except lake.LakeError as problem:
        found = [lake.FileFacts(file_path=patterns, status="refused", reason=f"{EVENTS_VARIABLE}: {problem}")]
    return json.dumps([facts.as_row() for facts in found])


def _declared(declared: str) -> tuple[list[side.SideInput], str]:
    """Return the side inputs of the project and the character between columns (macros/intake/side.sql)."""
    said = json.loads(declared)
    inputs = [
        side.SideInput(one["name"], tuple(one["columns"]), tuple(one["required"]), one["person"])
        for one in said["inputs"]
    ]
    return inputs, said["delimiter"]


def _side_inventory(known: str | None, declared: str) -> str:
    """Look at the files of side inputs; ledger rows in and out, as JSON (macros/engine/duckdb/side.sql)."""
    inputs, delimiter = _declared(declared)
    try:
        found = side.inventory(inputs, os.environ, json.loads(known or "null") or [], delimiter, say=print)
    except side.SideError as problem:
        found = [side.SideFile("", "", "", "", status="refused", reason=str(problem))]
    return json.dumps([file.as_row() for file in found])
