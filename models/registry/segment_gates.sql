{#- Grain: one criterion of the gate for one model version: the bar, what was measured, and whether it was met. -#}

with

criteria as (
    select
        fit_number,
        model_version,
        cast(item_position as integer) as criterion_position,
        item as criterion,
        compared_with,
        clip_hi as bar,
        value,
        clip_lo as ci_lo,
        text as verdict
    from {{ ref('segment_fits') }}
    where row_kind = 'gate'
)

select * from criteria
