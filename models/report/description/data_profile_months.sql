{#- Grain: one month (UTC) with events: what came in, who came, and what the catalogue looked like. Customers are those
    who may be profiled and have a session that is not a bot's. Late data: built whole from tables that are kept. -#}

with

days as (
    select
        month_date,
        sum(n_events) as n_events,
        sum(case when n_events > 0 then 1 else 0 end) as n_days,
        sum(case when is_missing then 1 else 0 end) as n_days_missing,
        sum(case when is_short then 1 else 0 end) as n_days_short
    from {{ ref('data_profile_days') }}
    group by month_date
),

shown as (
    select
        {% for event_type in clientele.event_types() %}
        sum(case when event_type = '{{ event_type }}' then n_events else 0 end) as n_{{ event_type }},
        {% endfor %}
        {% for lack in ['category_code', 'brand', 'session', 'price'] %}
        {{ clientele.double('sum(n_without_' ~ lack ~ ')') }} / sum(n_events) as without_{{ lack }}_share,
        {% endfor %}
        cast({{ dbt.date_trunc('month', 'event_date') }} as date) as month_date
    from {{ ref('described_days') }}
    group by cast({{ dbt.date_trunc('month', 'event_date') }} as date)
),

visits as (
    select
        month_date,
        n_sessions,
        min(month_date) over (partition by user_sk) as first_month_date
    from {{ ref('customer_months') }}
),

customers as (
    select
        month_date,
        count(*) as n_users,
        sum(case when month_date = first_month_date then 1 else 0 end) as n_new_users,
        sum(case when month_date > first_month_date then 1 else 0 end) as n_known_users,
        sum(n_sessions) as n_sessions
    from visits
    group by month_date
),

bots as (
    select
        cast({{ dbt.date_trunc('month', 'started_at') }} as date) as month_date,
        count(*) as n_bot_sessions,
        max(n_events) as longest_bot_session
    from {{ ref('user_sessions') }}
    where is_bot
    group by cast({{ dbt.date_trunc('month', 'started_at') }} as date)
),

highest as (
    select
        products.*,
        max(products.highest_price) over (partition by products.month_date) as shop_price
    from {{ ref('described_products') }} as products
),

catalogue as (
    select
        month_date,
        count(*) as n_products,
        max(shop_price) as highest_price,
        sum(case when highest_price = shop_price and shop_price > 0 then 1 else 0 end) as n_products_at_highest_price
    from highest
    group by month_date
),

moves as (
    select month_date, sum(n_products) as n_products_moved from {{ ref('data_profile_moves') }} group by month_date
),

changes as (
    select
        days.month_date,
        {% for attribute in ['category_code', 'brand'] %}
        sum(case
            when listed.attribute = '{{ attribute }}' and listed.is_new and listed.first_month_date = days.month_date
                then 1
            else 0
        end) as n_{{ attribute }}s_new,
        sum(case
            when
                listed.attribute = '{{ attribute }}' and listed.has_vanished
                and {{ dbt.dateadd('month', 1, 'listed.last_month_date') }} = days.month_date
                then 1
            else 0
        end) as n_{{ attribute }}s_vanished{% if not loop.last %},{% endif %}
        {% endfor %}
    from days
    cross join {{ ref('data_profile_values') }} as listed
    group by days.month_date
),

final as (
    select
        days.month_date,
        {% for column in ['n_events', 'n_days', 'n_days_missing', 'n_days_short'] %}
        cast(days.{{ column }} as bigint) as {{ column }},
        {% endfor %}
        {% for event_type in clientele.event_types() %}
        cast(shown.n_{{ event_type }} as bigint) as n_{{ event_type }},
        {% endfor %}
        {% for lack in ['category_code', 'brand', 'session', 'price'] %}
        shown.without_{{ lack }}_share,
        {% endfor %}
        {% for column in ['n_users', 'n_new_users', 'n_known_users', 'n_sessions'] %}
        cast(coalesce(customers.{{ column }}, 0) as bigint) as {{ column }},
        {% endfor %}
        {% for column in ['n_bot_sessions', 'longest_bot_session'] %}
        cast(coalesce(bots.{{ column }}, 0) as bigint) as {{ column }},
        {% endfor %}
        cast(catalogue.n_products as bigint) as n_products,
        cast(catalogue.highest_price as decimal(18, 4)) as highest_price,
        cast(catalogue.n_products_at_highest_price as bigint) as n_products_at_highest_price,
        cast(coalesce(moves.n_products_moved, 0) as bigint) as n_products_moved,
        {% for column in ['n_category_codes_new', 'n_category_codes_vanished', 'n_brands_new', 'n_brands_vanished'] %}
        cast(coalesce(changes.{{ column }}, 0) as bigint) as {{ column }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from days
    inner join shown on days.month_date = shown.month_date
    left join customers on days.month_date = customers.month_date
    left join bots on days.month_date = bots.month_date
    left join catalogue on days.month_date = catalogue.month_date
    left join moves on days.month_date = moves.month_date
    left join changes on days.month_date = changes.month_date
)

select * from final
