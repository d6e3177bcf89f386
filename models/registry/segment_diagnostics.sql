{#- Grain: one fit, number of personas tried and metric: what decided how many personas there are. -#}

with

diagnostics as (
    select
        fit_number,
        model_version,
        cast(item_position as integer) as n_segments,
        item as metric,
        value,
        clip_lo as threshold,
        text as verdict
    from {{ ref('segment_fits') }}
    where row_kind = 'diagnostic'
)

select * from diagnostics
