{#- Grain: one figure of one head and model of one fit, at one tested origin or over all: how good predictions were,
    out of time and for other customers than those learnt from. -#}

with

final as (
    select
        fit_number,
        cast(model_version as varchar(64)) as model_version,
        cast(head as varchar(32)) as head,
        cast(model as varchar(32)) as model_name,
        cast(compared_with as varchar(32)) as compared_with,
        cast(origin as varchar(32)) as origin,
        cast(item as varchar(64)) as metric,
        value,
        low as ci_lo,
        high as ci_hi,
        n_users
    from {{ ref('prediction_models') }}
    where row_kind = 'evaluation'
)

select * from final
