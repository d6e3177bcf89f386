{#- Grain: one month (UTC) and product with events in it: the category and the brand that most of its events of the
    month have, its highest price, and how many customers met it (viewed or bought). Not the product's canonical family
    (core.product_taxonomy), which never moves: this says what the files say. Late data: a month with a touched day is
    counted again from its events. -#}
-- depends_on: {{ ref('touched_days') }}
-- depends_on: {{ ref('event_files') }}
{{ config(materialized='incremental', incremental_strategy='touched_months', post_hook='{{ clientele.mark_load() }}') }}

with

{{ clientele.events_of_touched_months(['user_sk', 'product_id', 'category_code', 'brand', 'event_type', 'price']) }},

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

users as (
    select month_date, product_id, count(distinct user_sk) as n_users from events group by month_date, product_id
),

prices as (
    select month_date, product_id, price, count(distinct user_sk) as n_users
    from events
    where price > 0
    group by month_date, product_id, price
),

shared_prices as (
    select month_date, product_id, max(price) as shared_price
    from prices
    where {{ clientele.is_publishable('n_users') }}
    group by month_date, product_id
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

described as (
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
),

final as (
    select
        described.*,
        cast(users.n_users as bigint) as n_users,
        cast(shared_prices.shared_price as decimal(18, 4)) as shared_price
    from described
    inner join users on described.month_date = users.month_date and described.product_id = users.product_id
    left join shared_prices
        on described.month_date = shared_prices.month_date and described.product_id = shared_prices.product_id
)

select * from final
