{#- Grain: one month (UTC) with events: what came in and who came, as it may be published. A count of events is judged
    by those who made them, and its step covers whoever made most. Late data: built whole in each run. -#}
{% set kinds = {
    'view': ('n_views', 'n_viewers'), 'cart': ('n_carts', 'n_carters'), 'remove_from_cart': ('n_removes', 'n_removers'),
    'purchase': ('n_purchases', 'n_buyers'),
} %}

with

visits as (
    select
        user_sk,
        cast({{ dbt.date_trunc('month', 'started_at') }} as date) as month_date,
        count(*) as n_sessions,
        {% for column in ['n_events', 'n_views', 'n_carts', 'n_removes', 'n_purchases', 'n_products'] %}
        sum({{ column }}) as {{ column }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from {{ ref('user_sessions') }}
    where not is_bot
    group by user_sk, cast({{ dbt.date_trunc('month', 'started_at') }} as date)
),

most as (
    select
        month_date,
        max(n_sessions) as largest_sessions,
        max(n_events) as largest_events,
        max(n_products) as largest_products,
        {% for kind, (column, base) in kinds.items() %}
        sum(case when {{ column }} > 0 then 1 else 0 end) as {{ base }},
        max({{ column }}) as largest_{{ kind }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from visits
    group by month_date
),

final as (
    select
        months.*,
        most.largest_sessions,
        most.largest_events,
        most.largest_products,
        {% for kind, (_, base) in kinds.items() %}
        most.{{ base }},
        most.largest_{{ kind }},
        {% endfor %}
        {{ clientele.double('most.largest_events') }} / months.n_events as largest_share
    from {{ ref('data_profile_months') }} as months
    left join most on months.month_date = most.month_date
),

publishable as (
    {{ clientele.published_cells('final', keys=['month_date'], within=['month_date']) }}
)

select * from publishable
