{#- Grain: one fit, length of history and kind of classifier that was tried as the early one, for the record: filled on
    request (--vars 'compare_early: true'), decides nothing. -#}

with

studies as (
    select
        fit_number,
        model_version,
        n_events,
        item as classifier,
        n_users,
        value as kappa,
        low as kappa_low,
        high as kappa_high
    from {{ ref('segment_studies') }}
    where row_kind = 'comparison'
)

select * from studies
