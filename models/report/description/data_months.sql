{#- Grain: one month (UTC) with events: what came in and who came, as it may be published. A count of events is judged
    by those who made them and has of each customer as much as counts (macros/privacy/limits.sql), bots too. Days,
    prices and names count where enough customers met them (macros/report/description/told.sql). Late data: built
    whole in each run. -#}
{% set kinds = {
    'view': ('events', 'n_viewers'), 'cart': ('acts', 'n_carters'), 'remove_from_cart': ('acts', 'n_removers'),
    'purchase': ('acts', 'n_buyers'),
} %}
{% set as_counted = ' * n_counted / n_events' %}
{% set lacks = ['category_code', 'brand', 'session', 'price'] %}

with

{{ clientele.told_day_ctes() }},

{{ clientele.told_catalogue_ctes() }},

made as (
    select described.*, {{ clientele.counted('n_events', 'events') }} as n_counted
    from {{ ref('described_customers') }} as described
),

events as (
    select
        month_date,
        sum(n_counted) as n_events,
        {% for kind, (what, base) in kinds.items() %}
        sum({{ clientele.counted('n_' ~ kind, what) }}) as n_{{ kind }},
        sum(case when n_{{ kind }} > 0 then 1 else 0 end) as {{ base }},
        {% endfor %}
        {% for lack in lacks %}
        sum({{ clientele.exact('1.0 * n_without_' ~ lack ~ as_counted) }}) as n_without_{{ lack }}
        {%- if not loop.last %},{% endif %}
        {% endfor %}
    from made
    group by month_date
),

visits as (
    select month_date, sum({{ clientele.counted('n_sessions', 'sessions') }}) as n_sessions
    from {{ ref('customer_months') }}
    group by month_date
),

bots as (
    select
        month_date,
        count(*) as n_bots,
        sum({{ clientele.counted('n_sessions', 'sessions') }}) as n_sessions
    from (
        select user_sk, cast({{ dbt.date_trunc('month', 'started_at') }} as date) as month_date, count(*) as n_sessions
        from {{ ref('user_sessions') }}
        where is_bot
        group by user_sk, cast({{ dbt.date_trunc('month', 'started_at') }} as date)
    ) as of_customers
    group by month_date
),

days as (
    select
        month_date,
        count(*) as n_all_days,
        sum(case when is_missing then 1 else 0 end) as n_days_missing,
        sum(case when is_short then 1 else 0 end) as n_days_short
    from told_days
    group by month_date
),

final as (
    select
        months.month_date,
        months.n_users,
        months.n_new_users,
        months.n_known_users,
        events.n_events,
        {% for kind, (what, base) in kinds.items() %}
        events.n_{{ kind }},
        events.{{ base }},
        cast({{ clientele.most_counted(what) }} as bigint) as largest_{{ kind }},
        {% endfor %}
        {% for lack in lacks %}
        {{ clientele.double('events.n_without_' ~ lack) }} / events.n_events as without_{{ lack }}_share,
        {% endfor %}
        {{ clientele.double(clientele.most_counted('events')) }} / events.n_events as largest_share,
        cast({{ clientele.most_counted('events') }} as bigint) as largest_events,
        cast({{ clientele.most_counted('sessions') }} as bigint) as largest_sessions,
        cast({{ clientele.most_counted('acts') }} as bigint) as largest_products,
        cast({{ clientele.cell_step() }} as bigint) as largest_names,
        visits.n_sessions,
        coalesce(bots.n_bots, 0) as n_bots,
        bots.n_sessions as n_bot_sessions,
        cast(days.n_all_days - days.n_days_missing as bigint) as n_days,
        cast(days.n_days_missing as bigint) as n_days_missing,
        cast(days.n_days_short as bigint) as n_days_short,
        {% for name in [
            'n_products', 'n_products_moved', 'n_category_codes_new', 'n_category_codes_vanished', 'n_brands_new',
            'n_brands_vanished',
        ] %}
        cast(coalesce(told_months.{{ name }}, 0) as bigint) as {{ name }},
        {% endfor %}
        told_months.highest_price
    from {{ ref('data_profile_months') }} as months
    inner join events on months.month_date = events.month_date
    inner join told_months on months.month_date = told_months.month_date
    inner join days on months.month_date = days.month_date
    left join visits on months.month_date = visits.month_date
    left join bots on months.month_date = bots.month_date
),

publishable as (
    {{ clientele.published_cells('final', keys=['month_date'], within=['month_date']) }}
)

select * from publishable
