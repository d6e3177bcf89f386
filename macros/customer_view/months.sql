{#- What customers did in a month, summed over some of them: of each as much as counts (macros/privacy/limits.sql). -#}

{% macro month_sums() %}
    {#- Columns of a query that groups `months`, rows of core.customer_months, with `limits` beside them. -#}
        count(*) as n_visitors,
        sum(case when months.n_orders > 0 then 1 else 0 end) as n_buyers,
        sum({{ clientele.counted('months.n_orders', 'orders') }}) as n_orders,
        sum({{ clientele.counted_money('months.revenue') }}) as revenue,
        max(limits.most_revenue) as largest_revenue
{%- endmacro %}


{% macro month_sums_of(activity) %}
    {#- Those columns of `activity`, 0 where nobody did anything. -#}
        {% for column in ['n_visitors', 'n_buyers', 'n_orders'] %}
        cast(coalesce({{ activity }}.{{ column }}, 0) as bigint) as {{ column }},
        {% endfor %}
        cast({{ clientele.most_counted('orders') }} as bigint) as largest_orders,
        cast(coalesce({{ activity }}.revenue, 0) as decimal(28, 4)) as revenue,
        cast(coalesce({{ activity }}.largest_revenue, 0) as decimal(28, 4)) as largest_revenue
{%- endmacro %}
