{#- Grain: one experiment, measure, stratum and arm: the sums that every estimate is made from, so that no
    customer's row leaves the warehouse. Revenue counts up to the 99th percentile of everybody in the experiment.
    Late data: built whole in each run. -#}
{%- set measures = clientele.experiment_measures() %}

with

outcomes as (
    select * from {{ ref('experiment_outcomes') }}
),

customers as (
    {% for measure in measures -%}
    select
        experiment,
        user_sk,
        arm,
        persona,
        stratum,
        '{{ measure }}' as measure,
        y_{{ measure }} as y,
        x_{{ measure }} as x
    from outcomes
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

placed as (
    select
        customers.*,
        count(*) over (partition by customers.experiment, customers.measure) as n_users,
        row_number() over (
            partition by customers.experiment, customers.measure
            order by customers.y desc nulls last, customers.user_sk asc
        ) as place_y,
        row_number() over (
            partition by customers.experiment, customers.measure
            order by customers.x desc nulls last, customers.user_sk asc
        ) as place_x
    from customers
),

caps as (
    select
        experiment,
        measure,
        {{ clientele.winsor_cap('y', 'place_y', 'n_users') }} as cap_y,
        {{ clientele.winsor_cap('x', 'place_x', 'n_users') }} as cap_x
    from placed
    group by experiment, measure
),

capped as (
    select
        placed.experiment,
        placed.measure,
        placed.persona,
        placed.stratum,
        placed.arm,
        {{ clientele.winsorised('placed.y', 'caps.cap_y', 'placed.measure') }} as y,
        {{ clientele.winsorised('placed.x', 'caps.cap_x', 'placed.measure') }} as x
    from placed
    inner join caps on placed.experiment = caps.experiment and placed.measure = caps.measure
),

sums as (
    select
        experiment,
        measure,
        persona,
        stratum,
        arm,
        count(*) as n_customers,
        sum(case when y > 0 then 1 else 0 end) as n_with_value,
        max(y) as largest_y,
        {{ clientele.moment_sums('y', 'x') }}
    from capped
    group by experiment, measure, persona, stratum, arm
),

final as (
    select
        sums.experiment,
        cast(sums.measure as varchar(16)) as measure,
        sums.persona,
        sums.stratum,
        sums.arm,
        cast(case
            when sums.measure = designs.measure then 'decisive'
            when position(sums.measure in designs.guardrails) > 0 then 'guardrail'
            else 'other'
        end as varchar(16)) as measure_role,
        arms.is_control,
        standings.status = 'over' as is_over,
        standings.as_of_date,
        cast(sums.n_customers as bigint) as n_customers,
        cast(sums.n_with_value as bigint) as n_with_value,
        {{ clientele.double('sums.largest_y') }} as largest_y,
        {% for name in ['sum_y', 'sum_yy', 'sum_x', 'sum_xx', 'sum_xy'] -%}
        {{ clientele.double('sums.' ~ name) }} as {{ name }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from sums
    inner join {{ ref('experiment_designs') }} as designs on sums.experiment = designs.experiment
    inner join {{ ref('experiment_standings') }} as standings on sums.experiment = standings.experiment
    inner join {{ ref('experiment_arms') }} as arms on sums.experiment = arms.experiment and sums.arm = arms.arm
)

select * from final
