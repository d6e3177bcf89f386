"""Grain: one field of one row of one part of a study of short histories. Every study so far is kept."""

from clientele.personas.study_rows import study_rows


def model(dbt, session):
    """Study models that have not been studied, once there are long histories."""
    dbt.config(materialized="incremental", incremental_strategy="append")
    histories = dbt.ref("truncated_histories").df()
    fits = dbt.ref("persona_fit_fields").df()
    earlier = session.sql(f"select * from {dbt.this}").df() if dbt.is_incremental else None
    return study_rows(histories, fits, earlier, compare=dbt.config.meta_get("compare_early"))
