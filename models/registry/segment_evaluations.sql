{#- Grain: one figure of one model version: model, what it is compared with, month, fold and metric. Measured when the
    model was fitted (clientele.personas.prediction), and kept with it. -#}

with

evaluations as (
    select
        fit_number,
        model_version,
        model,
        compared_with,
        origin,
        cast(fold as integer) as fold,
        item as metric,
        value,
        clip_lo as ci_lo,
        clip_hi as ci_hi,
        n_users
    from {{ ref('segment_fits') }}
    where row_kind = 'evaluation'
)

select * from evaluations
