{#- Grain: one month (UTC) and product with events in it: the category and the brand that most of its events of the
    month have, and its highest price. Not the product's canonical family (core.product_taxonomy), which never moves:
    this says what the files say. Late data: a month with a touched day is counted again from its events. -#}
-- depends_on: {{ ref('touched_days') }}
-- depends_on: {{ ref('event_files') }}
{{ config(materialized='incremental', incremental_strategy='touched_months', post_hook='{{ clientele.mark_load() }}') }}
{% set month_date = 'cast(' ~ dbt.date_trunc('month', 'event_at') ~ ' as date)' %}

with

{% if is_incremental() %}
touched as (
    {{ clientele.touched_months() }}
),

{% endif %}
events as (
    select
        {{ month_date }} as month_date,
        product_id,
        category_code,
        brand,
        event_type,
        price
    from {{ ref('events') }}
    {% if is_incremental() %}
    where
        event_at >= (select min(month_date) from touched)
        and event_at < (select {{ dbt.dateadd('month', 1, 'max(month_date)') }} from touched)
        and {{ month_date }} in (select month_date from touched)
    {% endif %}
),

shown as (
    select
        month_date,
        product_id,
        category_code,
        brand,
        count(*) as n_events,
        sum(case when event_type = 'purchase' then 1 else 0 end) as n_purchases,
        max(price) as highest_price
    from events
    group by month_date, product_id, category_code, brand
),

placed as (
    select
        shown.*,
        row_number() over (
            partition by shown.month_date, shown.product_id
            order by
                shown.n_events desc nulls last, coalesce(shown.category_code, '') asc, coalesce(shown.brand, '') asc
        ) as place
    from shown
),

final as (
    select
        month_date,
        product_id,
        max(case when place = 1 then category_code end) as category_code,
        max(case when place = 1 then nullif(split_part(category_code, '.', 1), '') end) as family,  -- noqa: RF04
        max(case when place = 1 then brand end) as brand,
        cast(sum(n_events) as bigint) as n_events,
        cast(sum(n_purchases) as bigint) as n_purchases,
        cast(max(highest_price) as decimal(18, 4)) as highest_price
    from placed
    group by month_date, product_id
)

select * from final
