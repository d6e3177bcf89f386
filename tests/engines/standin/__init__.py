"""A stand-in for Amazon Redshift: PostgreSQL behind a proxy that speaks Redshift's dialect.

It proves that the unmodified dbt-redshift and redshift_connector get through a build, that the SQL they send
is within Redshift's documented syntax as far as `dialect` and the lint know it, and that results agree with
DuckDB's. It proves nothing about what only a cluster has: planner, distribution, VARCHAR byte lengths, COPY,
UNLOAD, Spectrum, late binding, serializable isolation. "Accepted by the stand-in" is not "accepted by
Redshift".
"""

from standin.postgres import MissingPostgresError, Postgres
from standin.proxy import Proxy

__all__ = ["MissingPostgresError", "Postgres", "Proxy"]
