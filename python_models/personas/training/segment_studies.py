"""Grain: one row of one model's study of short histories, of several kinds (see segment_studies.yml)."""

from clientele.personas.study_rows import study_rows


def model(dbt, session):
    """Study models that have not been studied, once there are long histories."""
    dbt.config(materialized="incremental", incremental_strategy="append")
    histories = dbt.ref("truncated_histories").df()
    fits = dbt.ref("segment_fits").df()
    earlier = session.sql(f"select * from {dbt.this}").df() if dbt.is_incremental else None
    return study_rows(histories, fits, earlier, compare=dbt.config.meta_get("compare_early"))
