"""Grain: one row of one fit of customer value, of several kinds (clientele.value.rows). All are kept."""

from clientele.value.rows import value_rows


def model(dbt, session):
    """Fit the value of customers when a fit is due."""
    dbt.config(materialized="incremental", incremental_strategy="append")
    frames = {"request": dbt.ref("value_request").df(), "sample": dbt.ref("value_sample").df()}
    earlier = session.sql(f"select * from {dbt.this}").df() if dbt.is_incremental else None
    return value_rows(frames, earlier)
