"""Grain: one field of one row of one part of a forecast of daily sales. Every forecast is kept."""

from clientele.forecast.rows import forecast_rows


def model(dbt, session):
    """Forecast daily sales when that is due."""
    dbt.config(materialized="incremental", incremental_strategy="append")
    frames = {"request": dbt.ref("forecast_request").df(), "frame": dbt.ref("forecast_frame").df()}
    earlier = session.sql(f"select * from {dbt.this}").df() if dbt.is_incremental else None
    return forecast_rows(frames, earlier)
