"""Grain: one user of a sample, with a label from Python, for the test that SQL gives the same labels."""

from clientele.personas.rows import label_rows


def model(dbt, session):
    """Label the sample with the champion's weights and its early classifier's."""
    dbt.config(materialized="table")
    champion = dbt.ref("segment_weights").df()
    early = dbt.ref("early_weights").df()
    sample = dbt.ref("segment_sample").order("user_sk").limit(20000).df()
    return label_rows(sample, champion, early)
