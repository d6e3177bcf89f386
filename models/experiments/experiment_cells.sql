{#- Grain: one experiment, measure, persona (or all) and arm: counts and means, beside those of the control. Late data:
    built whole in each run. -#}

with

parts as (
    select * from {{ ref('experiment_sums') }}
    union all
    {% set columns = [
        'experiment', 'measure', 'stratum', 'arm', 'measure_role', 'is_control', 'is_over', 'as_of_date', 'n_customers',
        'n_with_value', 'largest_y', 'sum_y', 'sum_yy', 'sum_x', 'sum_xx', 'sum_xy'
    ] -%}
    select
        experiment,
        measure,
        'all' as persona,
        {{ columns[2:] | join(',\n        ') }}
    from {{ ref('experiment_sums') }}
),

cells as (
    select
        experiment,
        measure,
        persona,
        arm,
        measure_role,
        is_control,
        is_over,
        as_of_date,
        sum(n_customers) as n_customers,
        sum(n_with_value) as n_with_value,
        max(largest_y) as largest_y,
        sum(sum_y) as sum_y
    from parts
    group by experiment, measure, persona, arm, measure_role, is_control, is_over, as_of_date
),

controls as (
    select experiment, measure, persona, n_customers, n_with_value, sum_y from cells where is_control
),

compared as (
    select
        cells.*,
        cells.is_over or cells.measure_role = 'guardrail' as may_be_seen,
        least(cells.n_with_value, controls.n_with_value) as n_compared,
        controls.n_customers as n_control,
        controls.sum_y as control_sum_y
    from cells
    left join controls
        on
            cells.experiment = controls.experiment
            and cells.measure = controls.measure
            and cells.persona = controls.persona
),

final as (
    select
        experiment,
        measure,
        cast(persona as varchar(16)) as persona,
        arm,
        measure_role,
        is_control,
        is_over,
        as_of_date,
        may_be_seen,
        cast(n_customers as bigint) as n_customers,
        cast(n_with_value as bigint) as n_with_value,
        cast(n_compared as bigint) as n_compared,
        sum_y / n_customers as mean_value,
        -- the part of whoever counts most, in the mean and in the relative effect
        largest_y / n_customers as largest_mean,
        largest_y / nullif(least(n_customers, n_control), 0) / nullif(control_sum_y / nullif(n_control, 0), 0)
            as largest_relative
    from compared
)

select * from final
