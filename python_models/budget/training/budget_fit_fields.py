"""Grain: one field of one row of one part of a plan of the budget. Every plan is kept."""

from clientele.budget.rows import budget_rows


def model(dbt, session):
    """Plan the budget when what was declared has changed."""
    dbt.config(materialized="incremental", incremental_strategy="append")
    frames = {"request": dbt.ref("budget_request").df(), "frame": dbt.ref("budget_frame").df()}
    earlier = session.sql(f"select * from {dbt.this}").df() if dbt.is_incremental else None
    return budget_rows(frames, earlier)
