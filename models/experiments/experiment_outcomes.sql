{#- Grain: one experiment whose arms are drawn, and customer who takes part: what the customer did in the days
    after the drawing (y_…), up to the horizon, and in as many days before it (x_…). Whoever was drawn counts,
    whether reached or not. Late data: built whole in each run. -#}
{%- set measures = clientele.experiment_measures() %}

with

running as (
    select
        standings.experiment,
        standings.assigned_date,
        case when standings.ends_date < standings.as_of_date then standings.ends_date else standings.as_of_date end
            as until_date,
        {{ dbt.dateadd('day', '-designs.horizon_days', 'standings.assigned_date') }} as before_at
    from {{ ref('experiment_standings') }} as standings
    inner join {{ ref('experiment_designs') }} as designs on standings.experiment = designs.experiment
    where standings.status in ('running', 'over')
),

assigned as (
    select
        assignments.experiment,
        assignments.user_sk,
        assignments.arm,
        cast(coalesce(cast(assignments.persona as varchar(16)), 'none') as varchar(16)) as persona,
        assignments.stratum,
        running.assigned_date,
        running.until_date,
        running.before_at
    from {{ ref('experiment_assignments') }} as assignments
    inner join running on assignments.experiment = running.experiment
    where {{ clientele.may_be_profiled('assignments.user_sk') }}
),

sessions as (
    select
        user_sk,
        cast({{ clientele.local_time('started_at') }} as date) as started_date,
        n_purchases,
        revenue
    from {{ ref('user_sessions') }}
    where not is_bot
),

{% for name, condition in {
    'after': 'assigned.assigned_date < sessions.started_date and assigned.until_date >= sessions.started_date',
    'before': 'assigned.before_at < sessions.started_date and assigned.assigned_date >= sessions.started_date',
}.items() %}
{{ name }} as (
    select
        assigned.experiment,
        assigned.user_sk,
        {% for measure, one in measures.items() -%}
        {{ one.sql }} as {{ measure }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from assigned
    inner join sessions on assigned.user_sk = sessions.user_sk and {{ condition }}
    group by assigned.experiment, assigned.user_sk
),
{% endfor %}
final as (
    select
        assigned.experiment,
        assigned.user_sk,
        assigned.arm,
        assigned.persona,
        assigned.stratum,
        {% for measure in measures -%}
        cast(coalesce(after.{{ measure }}, 0) as decimal(28, 4)) as y_{{ measure }},
        {% endfor -%}
        {% for measure in measures -%}
        cast(coalesce(before.{{ measure }}, 0) as decimal(28, 4)) as x_{{ measure }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from assigned
    left join after on assigned.experiment = after.experiment and assigned.user_sk = after.user_sk
    left join before on assigned.experiment = before.experiment and assigned.user_sk = before.user_sk
)

select * from final
