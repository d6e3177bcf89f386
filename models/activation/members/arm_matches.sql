{#- Grain: one experiment, arm and customer of the arm who is treated as of the build: whom the arm's conditions
    match, or everybody where it has none. Effects are of the whole arm all the same. Late data: built whole in each
    run. -#}
{%- set chosen = clientele.chosen_arms() if execute else [] %}

with

assigned as (
    select
        assignments.experiment,
        assignments.arm,
        assignments.user_sk,
        assignments.user_key
    from {{ ref('experiment_assignments') }} as assignments
    inner join {{ ref('experiment_arms') }} as arms
        on assignments.experiment = arms.experiment and assignments.arm = arms.arm
    where not arms.is_held_back
),

-- read only where an arm has conditions
facts as (  -- noqa: ST03
    select * from {{ ref('audience_facts') }}
),

treated as (
    {% for one in chosen -%}
    select
        '{{ one.experiment }}' as experiment,
        '{{ one.arm }}' as arm,
        user_sk
    from facts
    where
        {{ one.sql }}
        {{ 'and may_use_personas' if one.needs_proof }}
    union all
    {% endfor -%}
    select
        experiment,
        arm,
        user_sk
    from assigned
    {% if chosen -%}
    where
        experiment || '/' || arm not in (
            {%- for one in chosen %}'{{ one.experiment }}/{{ one.arm }}'{{ ', ' if not loop.last }}{% endfor -%}
        )
    {%- endif %}
),

final as (
    select
        assigned.experiment,
        assigned.arm,
        assigned.user_sk,
        assigned.user_key
    from assigned
    inner join treated
        on
            assigned.experiment = treated.experiment
            and assigned.arm = treated.arm
            and assigned.user_sk = treated.user_sk
)

select * from final
