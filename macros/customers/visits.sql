{#- What the value of a customer is worked out from: visits, orders and what was paid, by the day. -#}

{% macro customer_days(sessions, keys=[]) %}
    {#- A query with one row per user and day with a session that is not a bot's, in the shop's local time: a visit.
        `sessions`: a CTE or relation with rows of core.user_sessions; `keys`: further columns of it that a row is told by. -#}
    {%- set local_date = 'cast(' ~ clientele.local_time('started_at') ~ ' as date)' -%}
    select
        {% for key in ['user_sk'] + keys -%}
        {{ key }},
        {% endfor -%}
        {{ local_date }} as visit_date,
        sum(case when n_purchases > 0 then 1 else 0 end) as n_orders,
        sum(revenue) as revenue,
        max(ended_at) as last_event_at
    from {{ sessions }}
    where not is_bot
    group by {{ (['user_sk'] + keys + [local_date]) | join(', ') }}
{% endmacro %}


{% macro visit_sums() %}
    {#- Columns of a query that groups rows of customer_days by user. -#}
        cast(count(*) as bigint) as n_visits,
        cast(sum(case when n_orders > 0 then 1 else 0 end) as bigint) as n_ordering_visits,
        cast(sum(n_orders) as bigint) as n_orders,
        cast(sum(revenue) as decimal(28, 4)) as revenue,
        min(visit_date) as first_visit_date,
        max(visit_date) as last_visit_date
{%- endmacro %}
