{#- Grain: one experiment, measure, persona (or all) and arm: what the customers of the arm did, and what that is
    against the control. Before the last day there are counts and guardrails alone, so that nobody stops when the
    figures look well. Late data: built whole in each run. -#}

with

personas as (
    select
        cast(segment_id as varchar(16)) as persona,
        max(segment_name) as persona_name,
        max(segment_name_fr) as persona_name_fr
    from {{ ref('segment_labels') }}
    group by segment_id
),

measures as (
    {% for measure, one in clientele.experiment_measures().items() -%}
    select
        '{{ measure }}' as measure,
        {{ clientele.literals([one.label]) | trim }} as measure_label,
        {{ clientele.literals([one.label_fr]) | trim }} as measure_label_fr
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

alarms as (
    select
        experiment,
        max(case when has_alarm then 1 else 0 end) = 1 as has_alarm
    from {{ ref('experiment_ratios') }}
    group by experiment
),

cells as (
    select * from {{ ref('experiment_cells') }}
),

final as (
    select
        cells.experiment,
        cells.measure,
        cells.persona,
        cells.arm,
        cells.measure_role,
        cast(measures.measure_label as varchar(64)) as measure_label,
        cast(measures.measure_label_fr as varchar(64)) as measure_label_fr,
        cast(case cells.persona
            when 'all' then 'All customers' when 'none' then 'No persona yet' else personas.persona_name
        end as varchar(256)) as persona_name,
        cast(case cells.persona
            when 'all' then 'Tous les clients' when 'none' then 'Pas encore de persona' else personas.persona_name_fr
        end as varchar(256)) as persona_name_fr,
        arms.label as arm_label,
        arms.label_fr as arm_label_fr,
        arms.share as expected_share,
        cells.is_control,
        cells.is_over,
        cells.as_of_date,
        cells.n_customers,
        case when cells.may_be_seen then cells.n_with_value end as n_with_value,
        case when cells.may_be_seen then cells.mean_value end as mean_value,
        cells.largest_mean,
        cells.n_compared,
        effects.effect,
        effects.effect_low,
        effects.effect_high,
        effects.relative_effect,
        effects.relative_low,
        effects.relative_high,
        cells.largest_relative,
        effects.confidence,
        effects.p_value,
        effects.p_adjusted,
        effects.shrunken_effect,
        effects.shrunken_low,
        effects.shrunken_high,
        effects.variance_share,
        cast(case
            when cells.is_control then 'control'
            when coalesce(alarms.has_alarm, false) then 'ratio_alarm'
            when not cells.is_over and cells.measure_role != 'guardrail' then 'running'
            when cells.n_compared < {{ clientele.setting('min_cell_users') }} then 'too_few'
            when effects.effect is null then 'not_compared'
            when not cells.is_over then case when effects.effect_high < 0 then 'harmed' else 'running' end
            when effects.p_adjusted < 0.05 and effects.effect > 0 then 'better'
            when effects.p_adjusted < 0.05 then 'worse'
            else 'no_difference_seen'
        end as varchar(24)) as verdict
    from cells
    inner join measures on cells.measure = measures.measure
    inner join {{ ref('experiment_arms') }} as arms
        on cells.experiment = arms.experiment and cells.arm = arms.arm
    left join personas on cells.persona = personas.persona
    left join alarms on cells.experiment = alarms.experiment
    left join {{ ref('experiment_effects') }} as effects
        on
            cells.experiment = effects.experiment
            and cells.measure = effects.measure
            and cells.persona = effects.persona
            and cells.arm = effects.arm
            and cells.is_over = (effects.confidence < 0.99)
),

publishable as (
    {{ clientele.published_cells(
        'final', keys=['experiment', 'measure', 'arm', 'persona'], within=['experiment', 'measure', 'arm']
    ) }}
)

select * from publishable
