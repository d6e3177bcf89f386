"""Grain: one row of one fit, of several kinds (see clientele.personas.rows). Every fit so far is kept."""

from clientele.personas.rows import fit_rows, layers_of


def model(dbt, session):
    """Fit personas when a fit is due."""
    dbt.config(materialized="incremental", incremental_strategy="append")
    frames = {
        "request": dbt.ref("fit_request").df(),
        "sample": dbt.ref("segment_sample").df(),
        "catalog": dbt.ref("feature_catalog").df(),
        "replicates": dbt.ref("segment_replicates").df(),
        "training": dbt.ref("training_frame").df(),
        "as_of": dbt.ref("as_of").df(),
        "names": dbt.ref("segment_names").df(),
        "families": dbt.ref("family_prices").df(),
    }
    earlier = session.sql(f"select * from {dbt.this}").df() if dbt.is_incremental else None
    return fit_rows(
        frames,
        earlier,
        max_segments=dbt.config.meta_get("max_segments"),
        sample_users=dbt.config.meta_get("sample_users"),
        layers=layers_of(dbt.config.meta_get("deep_layers")),
    )
