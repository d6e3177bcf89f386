{#- Grain: one experiment whose arms are not drawn yet, and cell of customers (days since the last visit × orders):
    how many are in it today, and what those did who were in it a horizon ago. So an audience of customers who are
    away is judged by those who were away then, and not by what it did while it was away. Late data: built whole in
    each run. -#}

with

today as (
    select
        experiment,
        cell,
        count(*) as n_today
    from {{ ref('experiment_candidates') }}
    group by experiment, cell
),

asked as (
    select
        designs.experiment,
        designs.measure,
        designs.as_of_date,
        {{ dbt.dateadd('day', '1 - designs.horizon_days', 'designs.as_of_date') }} as from_at,
        {{ dbt.dateadd('day', '1 - 2 * designs.horizon_days', 'designs.as_of_date') }} as before_at
    from {{ ref('experiment_designs') }} as designs
    where designs.experiment in (select today.experiment from today)
),

sessions as (
    select
        user_sk,
        cast({{ clientele.local_time('started_at') }} as date) as started_date,
        n_purchases,
        revenue
    from {{ ref('user_sessions') }}
    where not is_bot and {{ clientele.may_be_profiled('user_sk') }}
),

known as (
    select
        asked.experiment,
        sessions.user_sk,
        max(sessions.started_date) as last_date,
        sum(case when sessions.n_purchases > 0 then 1 else 0 end) as n_orders
    from asked
    inner join sessions on asked.from_at > sessions.started_date
    group by asked.experiment, sessions.user_sk
),

{% for name, condition in {
    'after': 'asked.from_at <= sessions.started_date and asked.as_of_date >= sessions.started_date',
    'before': 'asked.before_at <= sessions.started_date and asked.from_at > sessions.started_date',
}.items() %}
{{ name }} as (
    select
        asked.experiment,
        sessions.user_sk,
        {{ clientele.measured_by_name('asked.measure') }} as amount
    from asked
    inner join sessions on {{ condition }}
    group by asked.experiment, asked.measure, sessions.user_sk
),
{% endfor %}
customers as (
    select
        known.experiment,
        known.user_sk,
        {{ clientele.experiment_cell(
            dbt.datediff('known.last_date', dbt.dateadd('day', -1, 'asked.from_at'), 'day'), 'known.n_orders'
        ) }} as cell,
        asked.measure,
        coalesce(after.amount, 0) as y,
        coalesce(before.amount, 0) as x
    from known
    inner join asked on known.experiment = asked.experiment
    left join after on known.experiment = after.experiment and known.user_sk = after.user_sk
    left join before on known.experiment = before.experiment and known.user_sk = before.user_sk
),

then_counted as (
    select experiment, cell, count(*) as n_then from customers group by experiment, cell
),

weighted as (
    select
        customers.*,
        {{ clientele.exact('today.n_today / ' ~ clientele.double('then_counted.n_then')) }} as weight
    from customers
    inner join then_counted on customers.experiment = then_counted.experiment and customers.cell = then_counted.cell
    inner join today on customers.experiment = today.experiment and customers.cell = today.cell
),

placed as (
    select
        weighted.*,
        sum(weighted.weight) over (partition by weighted.experiment) as total_weight,
        sum(weighted.weight) over (
            partition by weighted.experiment order by weighted.y desc nulls last, weighted.user_sk asc
            rows between unbounded preceding and current row
        ) as weight_from_y,
        sum(weighted.weight) over (
            partition by weighted.experiment order by weighted.x desc nulls last, weighted.user_sk asc
            rows between unbounded preceding and current row
        ) as weight_from_x
    from weighted
),

caps as (
    select
        experiment,
        {{ clientele.winsor_cap('y', 'weight_from_y', 'total_weight') }} as cap_y,
        {{ clientele.winsor_cap('x', 'weight_from_x', 'total_weight') }} as cap_x
    from placed
    group by experiment
),

capped as (
    select
        placed.experiment,
        placed.cell,
        placed.weight,
        {{ clientele.winsorised('placed.y', 'caps.cap_y', 'placed.measure') }} as y,
        {{ clientele.winsorised('placed.x', 'caps.cap_x', 'placed.measure') }} as x
    from placed
    inner join caps on placed.experiment = caps.experiment
),

sums as (
    select
        experiment,
        cell,
        count(*) as n_then,
        {{ clientele.moment_sums('y', 'x') }}
    from capped
    group by experiment, cell
),

final as (
    select
        today.experiment,
        today.cell,
        cast(today.n_today as bigint) as n_today,
        cast(coalesce(sums.n_then, 0) as bigint) as n_then,
        {% for name in ['sum_y', 'sum_yy', 'sum_x', 'sum_xx', 'sum_xy'] -%}
        {{ clientele.double('coalesce(sums.' ~ name ~ ', 0)') }} as {{ name }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from today
    left join sums on today.experiment = sums.experiment and today.cell = sums.cell
)

select * from final
