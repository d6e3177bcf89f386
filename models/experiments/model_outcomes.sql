{#- Grain: one arm of an experiment that is over whose arm tries a model: whether its model scores from the next build
    on (macros/registry/trials.sql reads it). Written once, by the first build that can compare all its arms; kept
    through full refreshes and when the file is gone. An arm wins when it is better in the measure that decides, and
    in no guardrail worse; of several the one with the largest effect. Without a winner the control goes on. With a
    ratio alarm, or with nothing to compare, nothing is decided. -#}
{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}

with

results as (
    select * from {{ ref('experiment_results') }}
    where persona = 'all' and is_over
),

harmed as (
    select distinct
        experiment,
        arm
    from results
    where measure_role = 'guardrail' and verdict = 'worse'
),

arms as (
    select
        arms.experiment,
        arms.arm,
        arms.arm_position,
        arms.model,
        arms.is_control,
        results.arm_label,
        results.measure_label,
        results.as_of_date,
        results.verdict,
        results.effect,
        results.relative_effect,
        results.relative_low,
        results.relative_high,
        case when harmed.arm is not null then 1 else 0 end as is_harmed,
        max(case when arms.model is not null then 1 else 0 end) over (partition by arms.experiment) as tries_models,
        -- every arm is compared, and no figure is in doubt
        min(case
            when arms.is_control or results.verdict in ('better', 'worse', 'no_difference_seen') then 1
            else 0
        end) over (partition by arms.experiment) as is_decided
    from {{ ref('experiment_arms') }} as arms
    inner join {{ ref('experiment_standings') }} as standings
        on arms.experiment = standings.experiment and standings.status = 'over'
    left join results
        on
            arms.experiment = results.experiment
            and arms.arm = results.arm
            and results.measure_role = 'decisive'
    left join harmed on arms.experiment = harmed.experiment and arms.arm = harmed.arm
),

-- an outcome is written once
undecided as (
    select * from arms
    {% if is_incremental() -%}
    where experiment not in (select experiment from {{ this }})
    {%- endif %}
),

ranked as (
    select
        arms.*,
        case when arms.verdict = 'better' and arms.is_harmed = 0 then 1 else 0 end as is_better,
        row_number() over (
            partition by arms.experiment
            order by
                case when arms.verdict = 'better' and arms.is_harmed = 0 then 0 when arms.is_control then 1 else 2 end,
                arms.effect desc nulls last, arms.arm_position asc
        ) as place
    from undecided as arms
    where arms.tries_models = 1 and arms.is_decided = 1
),

winners as (
    select * from ranked where place = 1
),

-- what the winner was better by; where the control goes on, what the arm itself had
told as (
    select
        ranked.*,
        winners.arm_label as winner_label,
        winners.measure_label as winner_measure,
        case when winners.is_better = 1 then winners.relative_effect else ranked.relative_effect end as told_effect,
        case when winners.is_better = 1 then winners.relative_low else ranked.relative_low end as told_low,
        case when winners.is_better = 1 then winners.relative_high else ranked.relative_high end as told_high,
        max(ranked.as_of_date) over (partition by ranked.experiment) as decided_date
    from ranked
    inner join winners on ranked.experiment = winners.experiment
),

worded as (
    select
        told.*,
        {{ clientele.signed_percent('told.told_effect') }} as effect_text,
        {{ clientele.signed_percent('told.told_low') }} as low_text,
        {{ clientele.signed_percent('told.told_high') }} as high_text
    from told
),

final as (
    select
        cast(experiment as varchar(64)) as experiment,
        cast(arm as varchar(32)) as arm,
        model,
        cast(case when place = 1 then 'promote' else 'hold_back' end as varchar(16)) as decision,
        cast(decided_date as date) as decided_date,
        cast(
            'Experiment ' || experiment || ': ' || winner_label || ' goes on'
            || coalesce(
                ', ' || winner_measure || ' ' || effect_text || ' % (' || low_text || ' to ' || high_text || ')', ''
            ) || '.' as varchar(512)
        ) as reason
    from worded
    where model is not null
)

select * from final
