"""Grain: one field of one row of one part of a fit of the model of sessions under way. Every fit is kept."""

from clientele.predictions.rows import session_rows


def model(dbt, session):
    """Fit what comes of sessions under way when a fit is due: on each new day."""
    dbt.config(materialized="incremental", incremental_strategy="append")
    frames = {"request": dbt.ref("session_request").df(), "frame": dbt.ref("session_frame").df()}
    earlier = session.sql(f"select * from {dbt.this}").df() if dbt.is_incremental else None
    return session_rows(frames, earlier)
