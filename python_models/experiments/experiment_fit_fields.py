"""Grain: one field of one row of the effects of all experiments, as often as their sums have changed."""

from clientele.experiments.rows import effect_rows


def model(dbt, session):
    """Work the effects of experiments out when their sums have changed."""
    dbt.config(materialized="incremental", incremental_strategy="append")
    sums = dbt.ref("experiment_sums").df()
    smallest_cell = dbt.config.meta_get("min_cell_users", 20)
    earlier = session.sql(f"select * from {dbt.this}").df() if dbt.is_incremental else None
    return effect_rows(sums, earlier, int(smallest_cell))
