{#- What core.drift_counts counts: periods, the customers in them, and the products. -#}

{% macro drift_period_ctes(only_touched) %}
    {#- CTEs that end in `periods`: period_grain, period_date, ends_before, previous_date, n_days, n_events, n_bad_days, n_held_days, is_counted.
        With `only_touched` those from the first touched day on, or from the first after those that are counted, and the one
        before them, which is_counted leaves out. -#}
{%- set held = clientele.feed_alarm_names('feed_holds') | reject('equalto', 'stale') | list %}
bad_days as (
    select
        event_date,
        max(case when {{ clientele.feed_flags(held) }} then 1 else 0 end) as is_held
    from {{ ref('feed_health') }}
    where is_kind_missing or are_prices_off or is_volume_low or is_day_cut or follows_missing_days or is_much_left_out
    group by event_date
),

whole_periods as (
    {% for grain in ['week', 'month'] %}
    {% set period_date = 'cast(' ~ dbt.date_trunc(grain, 'daily_events.event_date') ~ ' as date)' %}
    select
        cast('{{ grain }}' as varchar(8)) as period_grain,
        {{ period_date }} as period_date,
        cast({{ dbt.dateadd(grain, 1, period_date) }} as date) as ends_before,
        cast({{ dbt.dateadd(grain, -1, period_date) }} as date) as previous_date,
        count(*) as n_days,
        sum(daily_events.n_events) as n_events,
        count(bad_days.event_date) as n_bad_days,
        coalesce(sum(bad_days.is_held), 0) as n_held_days
    from {{ ref('daily_events') }} as daily_events
    cross join {{ ref('as_of') }} as as_of
    left join bad_days on daily_events.event_date = bad_days.event_date
    where
        {{ period_date }} >= as_of.first_date
        and {{ dbt.dateadd(grain, 1, period_date) }} <= as_of.last_date
    group by {{ period_date }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

{% if only_touched -%}
counted_before as (
    select period_grain, max(period_date) as newest_date from {{ this }} group by period_grain
),
{%- endif %}

-- a period is whole by the day after it: what was touched may begin there, or later
touched as (
    select min(since_date) as since_date
    from (
        select min(event_date) as since_date
        from {{ ref('touched_days') }}
        {% if only_touched -%}
        where last_load_id > {{ clientele.taken_in() }}
        union all
        select min(whole_periods.period_date) as since_date
        from whole_periods
        left join counted_before on whole_periods.period_grain = counted_before.period_grain
        where counted_before.newest_date is null or whole_periods.period_date > counted_before.newest_date
        {%- endif %}
    ) as first_days
),

periods as (
    select
        whole_periods.*,
        coalesce(whole_periods.ends_before > touched.since_date, false) as is_counted
    from whole_periods
    cross join touched
    where {{ dbt.dateadd('month', 1, 'whole_periods.ends_before') }} > touched.since_date
)
{% endmacro %}


{% macro drift_visit_bins() %}
    {#- {series: the bin of a row of `customers`}. -#}
    {{ return({
        'visits': 'case when n_visits < 4 then n_visits when n_visits < 8 then 4 else 5 end',
        'visit_size': 'case when events_a_visit < 2 then 1 when events_a_visit < 4 then 2 when events_a_visit < 8 then 3'
            ~ ' when events_a_visit < 16 then 4 when events_a_visit < 32 then 5 else 6 end',
        'visit_length': 'case when seconds_a_visit < 30 then 1 when seconds_a_visit < 120 then 2 when seconds_a_visit < 600 then 3'
            ~ ' else 4 end',
        'daypart': 'case when first_hour < 6 then 1 when first_hour < 12 then 2 when first_hour < 18 then 3 else 4 end',
        'returning': 'case when seen_before_at >= ' ~ dbt.dateadd('day', -28, 'period_date') ~ ' and seen_before_at < period_date'
            ~ ' then 1 else 2 end',
        'event_kinds': 'case when is_buyer = 1 then 4 when n_removes > 0 then 3 when n_carts > 0 then 2 else 1 end',
    }) }}
{% endmacro %}


{% macro drift_price_bin() -%}
    case
        when price_z < -1 then 1
        when price_z < -0.3 then 2
        when price_z < 0.3 then 3
        when price_z < 1 then 4
        else 5
    end
{%- endmacro %}


{% macro drift_customer_ctes() %}
    {#- CTEs that end in `customers`: one row per customer and period with a visit, and what the customer did in it. One customer counts
        once, so that the noise of counts is that of independent customers. -#}
period_visits as (
    {% for grain in ['week', 'month'] %}
    select
        periods.period_grain,
        periods.period_date,
        user_sessions.*
    from {{ ref('user_sessions') }} as user_sessions
    inner join periods
        on
            periods.period_grain = '{{ grain }}'
            and periods.period_date = cast({{ dbt.date_trunc(grain, 'user_sessions.started_at') }} as date)
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

customers as (
    select
        user_sk,
        period_grain,
        period_date,
        count(*) as n_visits,
        {{ clientele.double('sum(n_events)') }} / count(*) as events_a_visit,
        {{ clientele.double('sum(duration_seconds)') }} / count(*) as seconds_a_visit,
        extract(hour from {{ clientele.local_time('min(started_at)') }}) as first_hour,
        min({{ dbt.dateadd('second', '-seconds_since_previous', 'started_at') }}) as seen_before_at,
        sum(n_carts) as n_carts,
        sum(n_removes) as n_removes,
        case when sum(n_purchases) > 0 then 1 else 0 end as is_buyer
    from period_visits
    where not is_bot
    group by user_sk, period_grain, period_date
),

bot_counts as (
    select
        period_grain,
        period_date,
        count(*) as n,
        sum(case when is_bot then 1 else 0 end) as n_chosen
    from period_visits
    group by period_grain, period_date
)
{% endmacro %}


{% macro drift_product_ctes() %}
    {#- CTEs that end in `family_looks` and `price_looks` (customers by what they look at) and `scalar_counts`. -#}
brand_starts as (
    select brand, min(first_seen_date) as first_seen_date from {{ ref('product_taxonomy') }} group by brand
),

category_starts as (
    select category_code, min(first_seen_date) as first_seen_date
    from {{ ref('product_taxonomy') }}
    group by category_code
),

known_products as (
    select
        products.product_id,
        products.family_rank,
        products.category_code,
        products.price_z,
        brand_starts.first_seen_date as brand_since_date,
        category_starts.first_seen_date as category_since_date
    from {{ ref('product_taxonomy') }} as products
    left join brand_starts on products.brand = brand_starts.brand
    left join category_starts on products.category_code = category_starts.category_code
),

{{ clientele.drift_look_ctes() }},

family_looks as (
    select looks.period_grain, looks.period_date, looks.user_sk, looks.family_rank, customers.is_buyer
    from looks
    inner join customers
        on
            looks.user_sk = customers.user_sk
            and looks.period_grain = customers.period_grain
            and looks.period_date = customers.period_date
),

price_looks as (
    select
        looks.period_grain,
        looks.period_date,
        looks.user_sk,
        {{ clientele.double('sum(looks.price_zs)') }} / sum(looks.n_events) as price_z,
        max(customers.is_buyer) as is_buyer
    from looks
    inner join customers
        on
            looks.user_sk = customers.user_sk
            and looks.period_grain = customers.period_grain
            and looks.period_date = customers.period_date
    group by looks.period_grain, looks.period_date, looks.user_sk
),

{{ clientele.drift_scalar_ctes() }}
{% endmacro %}


{% macro drift_scalar_ctes() %}
    {#- CTEs that end in `scalar_counts`: one row per period and series that is a single figure. -#}
{{ clientele.drift_price_ctes() }},

looked_sums as (
    select
        period_grain,
        period_date,
        sum(n_events) as n_events,
        sum(n_moved) as n_moved,
        sum(n_new_brand) as n_new_brand,
        sum(n_new_category) as n_new_category
    from looks
    group by period_grain, period_date
),

customer_sums as (
    select period_grain, period_date, count(*) as n, sum(is_buyer) as n_buyers
    from customers
    group by period_grain, period_date
),

scalar_counts as (
    select
        period_grain,
        period_date,
        'feed' as series,
        0 as bin,
        n_days as n,
        n_bad_days as n_chosen,
        n_held_days as value_sum,
        0 as value_squares
    from periods
    union all
    select period_grain, period_date, 'events', 0, n_events, 0, 0, 0 from periods
    union all
    select period_grain, period_date, 'customers', 0, n, 0, 0, 0 from customer_sums
    union all
    select period_grain, period_date, 'orders', 0, n, n_buyers, 0, 0 from customer_sums
    union all
    select period_grain, period_date, 'bots', 0, n, n_chosen, 0, 0 from bot_counts
    union all
    {% for series, column in {'moved_products': 'n_moved', 'new_brands': 'n_new_brand', 'new_categories': 'n_new_category'}.items() %}
    -- events of one customer are alike: the noise is that of so many customers
    select
        looked_sums.period_grain,
        looked_sums.period_date,
        '{{ series }}',
        0,
        customer_sums.n,
        cast(round({{ clientele.double('looked_sums.' ~ column) }} * customer_sums.n / looked_sums.n_events) as bigint),
        0,
        0
    from looked_sums
    inner join customer_sums
        on looked_sums.period_grain = customer_sums.period_grain and looked_sums.period_date = customer_sums.period_date
    union all
    {% endfor %}
    select
        period_grain,
        period_date,
        'prices',
        0,
        count(*),
        0,
        {{ clientele.double('sum(price_change)') }},
        {{ clientele.double('sum(' ~ clientele.exact('price_change * price_change') ~ ')') }}
    from price_changes
    group by period_grain, period_date
)
{% endmacro %}
