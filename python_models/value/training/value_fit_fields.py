"""Grain: one field of one row of one part of a fit of customer value. Every fit so far is kept."""

from clientele.value.rows import value_rows


def model(dbt, session):
    """Fit the value of customers when a fit is due."""
    dbt.config(materialized="incremental", incremental_strategy="append")
    frames = {"request": dbt.ref("value_request").df(), "sample": dbt.ref("value_sample").df()}
    earlier = session.sql(f"select * from {dbt.this}").df() if dbt.is_incremental else None
    return value_rows(frames, earlier)
