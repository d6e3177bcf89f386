{#- What customers look at, and at which prices, by week and month: each in one pass over the events for both grains. -#}

{% macro drift_look_ctes() %}
    {#- CTEs that end in `looks`: one row per customer, period and family. From `periods` and `known_products`; `period_days` has the
        week and the month of each day that are counted. -#}
period_days as (
    select
        daily_events.event_date,
        weeks.period_date as week_date,
        months.period_date as month_date
    from {{ ref('daily_events') }} as daily_events
    {% for grain in ['week', 'month'] -%}
    left join periods as {{ grain }}s
        on
            {{ grain }}s.period_grain = '{{ grain }}'
            and {{ grain }}s.period_date = cast({{ dbt.date_trunc(grain, 'daily_events.event_date') }} as date)
    {% endfor -%}
    where weeks.period_date is not null or months.period_date is not null
),

-- both grains in one pass over the events: a week lies in one month or two
looks_by_both as (
    select
        events.user_sk,
        known_products.family_rank,
        period_days.week_date,
        period_days.month_date,
        count(*) as n_events,
        sum(case when events.category_code != known_products.category_code then 1 else 0 end) as n_moved,
        {% for grain in ['week', 'month'] -%}
        {% for of in ['brand', 'category'] -%}
        sum(case when known_products.{{ of }}_since_date >= period_days.{{ grain }}_date then 1 else 0 end)
            as n_new_{{ of }}_of_{{ grain }},
        {% endfor -%}
        {% endfor -%}
        sum({{ clientele.exact('known_products.price_z') }}) as price_zs
    from {{ ref('events') }} as events
    inner join known_products on events.product_id = known_products.product_id
    inner join period_days on cast(events.event_at as date) = period_days.event_date
    group by events.user_sk, known_products.family_rank, period_days.week_date, period_days.month_date
),

looks as (
    {% for grain in ['week', 'month'] %}
    select
        cast('{{ grain }}' as varchar(8)) as period_grain,
        {{ grain }}_date as period_date,
        user_sk,
        family_rank,
        sum(n_events) as n_events,
        sum(n_moved) as n_moved,
        sum(n_new_brand_of_{{ grain }}) as n_new_brand,
        sum(n_new_category_of_{{ grain }}) as n_new_category,
        sum(price_zs) as price_zs
    from looks_by_both
    where {{ grain }}_date is not null
    group by {{ grain }}_date, user_sk, family_rank
    {{ 'union all' if not loop.last }}
    {% endfor %}
)
{% endmacro %}


{% macro drift_price_ctes() %}
    {#- CTEs that end in `price_changes`: one row per product and period in which, and in the one before, it was looked at. From
        `periods`, `period_days` and `known_products`. -#}
prices_by_both as (
    select
        events.product_id,
        period_days.week_date,
        period_days.month_date,
        count(*) as n_priced,
        sum({{ clientele.exact('ln(' ~ clientele.double('events.price') ~ ')') }}) as ln_prices
    from {{ ref('events') }} as events
    inner join known_products on events.product_id = known_products.product_id
    inner join period_days on cast(events.event_at as date) = period_days.event_date
    where events.price > 0
    group by events.product_id, period_days.week_date, period_days.month_date
),

product_prices as (
    {% for grain in ['week', 'month'] %}
    select
        cast('{{ grain }}' as varchar(8)) as period_grain,
        {{ grain }}_date as period_date,
        product_id,
        {{ clientele.exact(clientele.double('sum(ln_prices)') ~ ' / sum(n_priced)') }} as ln_price
    from prices_by_both
    where {{ grain }}_date is not null
    group by {{ grain }}_date, product_id
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

price_changes as (
    -- of products that were looked at in both periods: another assortment moves no price
    select
        periods.period_grain,
        periods.period_date,
        now.ln_price - earlier.ln_price as price_change
    from periods
    inner join product_prices as now
        on periods.period_grain = now.period_grain and periods.period_date = now.period_date
    inner join product_prices as earlier
        on
            periods.period_grain = earlier.period_grain
            and periods.previous_date = earlier.period_date
            and now.product_id = earlier.product_id
)
{% endmacro %}
