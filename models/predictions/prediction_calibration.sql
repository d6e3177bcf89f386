{#- Grain: one tenth of the tested customers of one head of one fit, by what was predicted: what was said, and what
    came. -#}

with

final as (
    select
        fit_number,
        cast(head as varchar(32)) as head,
        cast(model as varchar(32)) as scored_by,
        cast(item_position as integer) as decile,
        expected as predicted,
        value as observed,
        low as ci_lo,
        high as ci_hi,
        n_users
    from {{ ref('prediction_models') }}
    where row_kind = 'calibration'
)

select * from final
