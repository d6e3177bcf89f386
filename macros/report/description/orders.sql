{#- What orders are worth: percentiles, and the mean. -#}

{% macro order_value_ctes() %}
    {#- CTEs that end in `order_percentiles` and `order_mean`, of `sessions` with user_sk, n_purchases and revenue, with
        `limits` beside them. -#}
orders as (
    select
        user_sk,
        revenue,
        row_number() over (order by revenue, user_sk) as place,
        count(*) over () as n_orders
    from sessions
    where n_purchases > 0
),

order_percentiles as (
    {% for percent in [5, 25, 50, 75, 95, 99] %}
    select
        {{ percent }} as item_position,
        -- the smallest value that at least so many per cent do not exceed
        min(case when 100.0 * place >= {{ percent }} * n_orders then revenue end) as order_value,
        count(distinct case
            when 100.0 * place {{ '>=' if percent >= 50 else '<=' }} {{ percent }} * n_orders then user_sk
        end) as n_users
    from orders
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

order_mean as (
    select
        count(*) as n_users,
        {{ clientele.double('sum(buyers.revenue)') }} / nullif(sum(buyers.n_orders), 0) as order_value,
        {{ clientele.double('sum(' ~ clientele.counted_money('buyers.revenue') ~ ')') }}
        / nullif(sum({{ clientele.counted('buyers.n_orders', 'orders') }}), 0) as told,
        {{ clientele.double('max(limits.most_revenue)') }}
        / nullif(sum({{ clientele.counted('buyers.n_orders', 'orders') }}), 0) as largest
    from (select user_sk, sum(revenue) as revenue, count(*) as n_orders from orders group by user_sk) as buyers
    cross join limits
)
{%- endmacro %}
