"""MetricFlow as a library: a metric and what to group it by become SQL, which the test's own connection runs.

Its command `mf` asks the package index for updates at each start; nothing of that is called here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pandas as pd
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantic_interfaces.implementations.semantic_manifest import PydanticSemanticManifest
from metricflow_semantic_interfaces.validations.semantic_manifest_validator import SemanticManifestValidator
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup


class _Client:
    """What MetricFlow asks of an engine when it writes SQL and runs none."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()


class Metrics:
    """The metrics of a semantic manifest, asked of a warehouse."""

    def __init__(self, manifest: str, connect: Callable[[], AbstractContextManager[Any]]):
        self.manifest = parse_manifest_from_dbt_generated_manifest(manifest)
        self._engine = MetricFlowEngine(SemanticManifestLookup(self.manifest), _Client())
        self._connect = connect

    def problems(self) -> list[str]:
        """Return what MetricFlow's own checks find wrong."""
        found = SemanticManifestValidator[PydanticSemanticManifest]().validate_semantic_manifest(
            self.manifest
        )
        return [issue.as_readable_str() for issue in (*found.errors, *found.future_errors)]

    def ask(self, *metrics: str, by: Sequence[str] = ()) -> pd.DataFrame:
        """Return a row per group, with a column per metric."""
        request = MetricFlowQueryRequest.create(metric_names=metrics, group_by_names=by)
        with self._connect() as connection:
            return connection.sql(self._engine.explain(request).sql_statement.sql).df()
