{#- Grain: one measure of seeds/playbook.csv or head_measures.csv that an experiment has measured: what the newest one
    that is over has brought, as published. Late data: built whole in each run. -#}

with

results as (
    select
        experiments.playbook_measure,
        results.experiment,
        results.effect as gain,
        results.effect_low as gain_low,
        results.effect_high as gain_high,
        row_number() over (
            partition by experiments.playbook_measure
            order by experiments.ends_date desc nulls last, results.experiment asc
        ) as place
    from {{ ref('experiment_results') }} as results
    inner join {{ ref('experiments') }} as experiments on results.experiment = experiments.experiment
    where
        results.persona = 'all'
        and results.measure_role = 'decisive'
        and results.verdict in ('better', 'worse', 'no_difference_seen')
        and experiments.playbook_measure != ''
),

final as (
    select
        playbook_measure,
        experiment,
        gain,
        gain_low,
        gain_high
    from results
    where place = 1
)

select * from final
