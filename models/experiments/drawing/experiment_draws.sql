{#- Grain: one experiment whose arms are drawn in this run, and customer who takes part: the number that the
    customer draws, and that of the customer's stratum. A table of the vault, because only the vault may read key
    material; empty when nothing is to be drawn. Late data: built whole in each run. -#}

with

due as (
    select designs.experiment
    from {{ ref('experiment_designs') }} as designs
    inner join {{ ref('experiment_power') }} as judged on designs.experiment = judged.experiment
    where
        designs.as_of_date >= designs.starts_date
        and judged.verdict != 'nobody'
        and (judged.verdict = 'enough' or not designs.is_refused_too_small)
),

final as (
    select
        candidates.experiment,
        candidates.user_sk,
        {{ clientele.experiment_draw("candidates.experiment || ':' || candidates.user_key") }} as draw,
        {{ clientele.experiment_draw("candidates.experiment || '::' || candidates.stratum") }} as stratum_draw
    from {{ ref('experiment_candidates') }} as candidates
    inner join due on candidates.experiment = due.experiment
)

select * from final
