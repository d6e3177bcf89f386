"""What runs beside dbt: DuckDB's plug point, publishing, rewriting files without what was deleted."""
