"""Grain: one field of one row of one part of a fit of the heads about customers. Every fit is kept."""

from clientele.predictions.rows import prediction_rows


def model(dbt, session):
    """Fit what each customer will do when a fit is due."""
    dbt.config(materialized="incremental", incremental_strategy="append")
    frames = {
        "request": dbt.ref("prediction_request").df(),
        "frame": dbt.ref("prediction_frame").df(),
        "categories": dbt.ref("category_frame").df(),
        "rebuys": dbt.ref("rebuy_frame").df(),
    }
    earlier = session.sql(f"select * from {dbt.this}").df() if dbt.is_incremental else None
    return prediction_rows(frames, earlier)
