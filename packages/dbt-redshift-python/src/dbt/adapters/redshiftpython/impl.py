"""The adapter: everything is dbt-redshift's, but for the place where a Python model runs."""

from __future__ import annotations

import traceback
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbt.adapters.base.impl import log_code_execution
from dbt.adapters.contracts.connection import AdapterResponse
from dbt.adapters.events.logging import AdapterLogger
from dbt.adapters.redshift import RedshiftAdapter, RedshiftConnectionManager, RedshiftCredentials
from dbt.adapters.redshiftpython.session import Session
from dbt_common.exceptions import DbtRuntimeError

_LOGGER = AdapterLogger("RedshiftPython")


@dataclass
class RedshiftPythonCredentials(RedshiftCredentials):
    """The profile of dbt-redshift and two limits of its own.

    Attributes
    ----------
    python_max_rows : int
        A Python model that asks for more rows than this, of one relation, fails.
    python_insert_rows : int
        At most this many rows are written by one statement.
    """

    python_max_rows: int = 1_000_000
    python_insert_rows: int = 1_000

    @property
    def type(self) -> str:
        """Return the name that the profile calls this adapter by."""
        return "redshiftpython"

    def _connection_keys(self) -> tuple[str, ...]:
        return (*super()._connection_keys(), "python_max_rows", "python_insert_rows")


class RedshiftPythonConnectionManager(RedshiftConnectionManager):
    """Connections of dbt-redshift, under this adapter's name."""

    TYPE = "redshiftpython"


class RedshiftPythonAdapter(RedshiftAdapter):
    """dbt-redshift's adapter, with Python models."""

    ConnectionManager = RedshiftPythonConnectionManager

    @log_code_execution
    def submit_python_job(self, parsed_model: dict[str, Any], compiled_code: str) -> AdapterResponse:
        """Run a Python model in this process, on this thread's connection and in its transaction.

        Raises
        ------
        DbtRuntimeError
            When the model fails. What it wrote so far is rolled back. The message says what went wrong and in
            which line; the trace is in dbt's debug log.
        """
        session = Session(self.connections, self.config.credentials)
        name = parsed_model["name"]
        source = f"<python model {name}>"
        module = types.ModuleType(name)
        try:
            exec(compile(compiled_code, source, "exec"), module.__dict__)
            result = module.model(module.dbtObj(session.table), session)
            n_rows = module.materialize(session, result)
        except Exception as error:
            self.connections.rollback_if_open()
            _LOGGER.debug("".join(traceback.format_exception(error)))
            raise DbtRuntimeError(f"Python model {name} failed: {_in_words(error, source)}") from error
        return AdapterResponse(_message=f"INSERT {n_rows}", rows_affected=n_rows)


def _in_words(error: Exception, source: str) -> str:
    """Say what went wrong, and where: the last line of the model, and of what it called."""
    message = str(error) if isinstance(error, DbtRuntimeError) else f"{type(error).__name__}: {error}"
    places = []
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == source:
            places = [f"line {frame.lineno} of the compiled model, in {frame.name}"]
        elif places and "/dbt/adapters/" not in Path(frame.filename).as_posix():
            places[1:] = [f"{Path(frame.filename).name}:{frame.lineno}, in {frame.name}"]
    return f"{message} ({'; '.join(places)})" if places else message
