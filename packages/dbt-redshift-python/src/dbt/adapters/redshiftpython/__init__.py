"""The adapter type `redshiftpython`: dbt-redshift, with Python models that run in the dbt process."""

from dbt.adapters.base import AdapterPlugin
from dbt.adapters.redshiftpython.impl import (
    RedshiftPythonAdapter,
    RedshiftPythonConnectionManager,
    RedshiftPythonCredentials,
)
from dbt.include import redshiftpython

__all__ = ["Plugin", "RedshiftPythonConnectionManager"]

Plugin = AdapterPlugin(
    adapter=RedshiftPythonAdapter,
    credentials=RedshiftPythonCredentials,
    include_path=redshiftpython.PACKAGE_PATH,
    dependencies=["redshift"],
)
