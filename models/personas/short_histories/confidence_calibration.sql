{#- Grain: one fit and decile of confidence: what was promised, and what became of users it was not learnt from. -#}

with

studies as (
    select
        fit_number,
        model_version,
        cast(item_position as integer) as decile,
        n_users,
        low as mean_confidence,
        value as kept_share
    from {{ ref('segment_studies') }}
    where row_kind = 'calibration'
)

select * from studies
