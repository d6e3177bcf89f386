"""Grain: one field of one row of one part of a fit of groups of items. Every fit is kept."""

from clientele.items.rows import item_fit_rows


def model(dbt, session):
    """Group items, and learn families from company, when that is due."""
    dbt.config(materialized="incremental", incremental_strategy="append")
    frames = {
        "request": dbt.ref("item_request").df(),
        "features": dbt.ref("item_features").df(),
        "words": dbt.ref("item_group_words").df(),
        "company": dbt.ref("coview_frame").df(),
    }
    earlier = session.sql(f"select * from {dbt.this}").df() if dbt.is_incremental else None
    return item_fit_rows(frames, earlier)
