{#- Grain: one experiment and where it stands: a reason says why nothing is drawn, and what to do. Late data: built
    whole in each run. -#}

with

drawn as (
    select
        assignments.experiment,
        min(assignments.assigned_date) as assigned_date,
        max(assignments.detectable_effect) as detectable_effect,
        count(*) as n_assigned,
        max(case when arms.arm is null then 1 else 0 end) as has_lost_arm
    from {{ ref('experiment_assignments') }} as assignments
    left join {{ ref('experiment_arms') }} as arms
        on assignments.experiment = arms.experiment and assignments.arm = arms.arm
    group by assignments.experiment
),

dated as (
    select
        designs.*,
        judged.verdict,
        judged.n_customers,
        judged.n_needed,
        judged.days_needed,
        standings.status as audience_status,
        drawn.assigned_date,
        drawn.n_assigned,
        case
            when drawn.has_lost_arm = 1 or drawings.design_hash != designs.design_hash then 1 else 0
        end as is_changed,
        coalesce(drawn.detectable_effect, judged.detectable_effect) as detectable_effect,
        {{ dbt.dateadd('day', 'designs.horizon_days', 'drawn.assigned_date') }} as ends_date
    from {{ ref('experiment_designs') }} as designs
    inner join {{ ref('experiment_power') }} as judged on designs.experiment = judged.experiment
    inner join {{ ref('audience_standings') }} as standings on designs.audience = standings.audience
    left join drawn on designs.experiment = drawn.experiment
    left join {{ ref('experiment_drawings') }} as drawings on designs.experiment = drawings.experiment
),

told as (
    select
        dated.*,
        case
            when dated.is_changed = 1 then 'changed'
            when dated.assigned_date is not null and dated.as_of_date > dated.ends_date then 'over'
            when dated.assigned_date is not null then 'running'
            when dated.audience_status != 'active' then 'no_audience'
            when dated.verdict = 'nobody' then 'no_audience'
            when dated.verdict != 'enough' and dated.is_refused_too_small then dated.verdict
            else 'waiting'
        end as status
    from dated
),

-- counts in steps, as all published sizes
worded as (
    select
        told.*,
        {% for name, value in {'size': 'told.n_customers', 'need': 'told.n_needed'}.items() -%}
        cast(cast({{ clientele.round_to_step(value, clientele.cell_step()) }} as bigint) as varchar(20))
            as {{ name }}_text,
        {% endfor -%}
        cast(cast(ceil(told.detectable_effect * 100) as bigint) as varchar(20)) as seen_text,
        cast(cast(told.smallest_effect * 100 as decimal(9, 1)) as varchar(20)) as wanted_text
    from told
),

final as (
    select
        experiment,
        control_arm,
        cast(status as varchar(16)) as status,
        as_of_date,
        cast(assigned_date as date) as assigned_date,
        cast(ends_date as date) as ends_date,
        cast(n_assigned as bigint) as n_assigned,
        detectable_effect,
        cast(case
            when status = 'changed'
                then 'Its file is not as it was when its arms were drawn (audience, horizon_days, measure, guardrails, '
                    || 'control or arms): put it back, or rename the experiment to draw again.'
            when status = 'no_audience' then 'Nobody is in its audience: marts.audiences says why.'
            when status = 'no_past'
                then 'There is no past to judge it by: the shop needs twice the horizon of history, with the measure.'
            when verdict = 'too_small' and assigned_date is null
                then 'It has about ' || size_text || ' customers and would see a change of ' || seen_text
                    || ' % or more. For ' || wanted_text || ' % it needs ' || need_text || ' customers'
                    || coalesce(', or about ' || cast(days_needed as varchar(20)) || ' days', '')
                    || '. Take a larger audience, a longer horizon or a measure that varies less.'
        end as varchar(512)) as reason
    from worded
)

select * from final
