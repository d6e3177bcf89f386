{#- Grain: one fit, length of history and persona: how many of the persona's users have it at that length already. -#}

with

studies as (
    select
        fit_number,
        model_version,
        n_events,
        cast(segment_id as integer) as segment_id,
        n_users,
        value as recall,
        low as recall_low,
        high as recall_high
    from {{ ref('segment_studies') }}
    where row_kind = 'recall'
)

select * from studies
