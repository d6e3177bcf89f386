{#- What an item is like, from events. Events are many and items few, so events are counted by product and day, and by customer and
    product, before anything is looked up by name. -#}

{% macro item_period_ctes(met) %}
    {#- CTEs over `met`, a CTE with a row per event: user_sk, product_id, local_date, event_type, ln_price. `counted`: one
        row per item and period (all, early and late half of the days); `largest`: the items by their customers;
        `main_words`: the family and the price tier that most events of an item have. -#}
product_items as (
    {% for kind, column in clientele.item_kinds().items() %}
    select
        product_id,
        cast('{{ kind }}' as varchar(16)) as item_kind,
        cast({{ column }} as varchar(256)) as item
    from {{ ref('product_taxonomy') }}
    where {{ column }} is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

product_days as (
    select
        met.product_id,
        met.local_date,
        count(*) as n_events,
        sum(case when met.event_type = 'cart' then 1 else 0 end) as n_carts,
        sum(case when met.event_type = 'purchase' then 1 else 0 end) as n_purchases,
        count(met.ln_price) as n_prices,
        sum(met.ln_price) as sum_ln_price
    from {{ met }} as met
    inner join {{ ref('product_taxonomy') }} as products on met.product_id = products.product_id
    group by met.product_id, met.local_date
),

bounds as (
    select
        min(local_date) as first_date,
        {{ dbt.datediff('min(local_date)', 'max(local_date)', 'day') }} as n_days
    from product_days
),

item_numbers as (
    select
        item_kind,
        item,
        row_number() over (order by item_kind, item) as item_number
    from (select distinct item_kind, item from product_items) as names
),

numbered as (
    select
        product_items.product_id,
        item_numbers.item_number
    from product_items
    inner join item_numbers on product_items.item_kind = item_numbers.item_kind and product_items.item = item_numbers.item
),

{{ clientele._item_customer_ctes(met) }},

day_counts as (
    select
        numbered.item_number,
        product_days.local_date,
        {{ clientele._is_early('product_days.local_date') }} as is_early,
        {% for column in ['n_events', 'n_carts', 'n_purchases', 'n_prices', 'sum_ln_price'] -%}
        sum(product_days.{{ column }}) as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from product_days
    inner join numbered on product_days.product_id = numbered.product_id
    cross join bounds
    group by numbered.item_number, product_days.local_date, {{ clientele._is_early('product_days.local_date') }}
),

{{ clientele._item_count_ctes() }},

{{ clientele._main_word_ctes() }}
{% endmacro %}


{% macro _is_early(local_date) -%}
    {{ dbt.datediff('bounds.first_date', local_date, 'day') }} * 2 < bounds.n_days
{%- endmacro %}


{% macro _item_customer_ctes(met) %}
    {#- The CTE `customers`: item_number, user_sk, and whether the customer met the item early and late; `buyers`: on how many
        days of each period the customer bought it. -#}
pairs as (
    select
        user_sk,
        product_id,
        min(local_date) as first_date,
        max(local_date) as last_date
    from {{ met }}
    group by user_sk, product_id
),

item_pairs as (
    select
        numbered.item_number,
        pairs.user_sk,
        min(pairs.first_date) as first_date,
        max(pairs.last_date) as last_date
    from pairs
    inner join numbered on pairs.product_id = numbered.product_id
    group by numbered.item_number, pairs.user_sk
),

customers as (
    select
        item_pairs.item_number,
        item_pairs.user_sk,
        {{ clientele._is_early('item_pairs.first_date') }} as is_in_early,
        not {{ clientele._is_early('item_pairs.last_date') }} as is_in_late
    from item_pairs
    cross join bounds
),

purchase_days as (
    select distinct
        numbered.item_number,
        met.user_sk,
        met.local_date
    from {{ met }} as met
    inner join numbered on met.product_id = numbered.product_id
    where met.event_type = 'purchase'
),

buyers as (
    select
        purchase_days.item_number,
        purchase_days.user_sk,
        count(*) as n_all,
        sum(case when {{ clientele._is_early('purchase_days.local_date') }} then 1 else 0 end) as n_early,
        sum(case when {{ clientele._is_early('purchase_days.local_date') }} then 0 else 1 end) as n_late
    from purchase_days
    cross join bounds
    group by purchase_days.item_number, purchase_days.user_sk
)
{% endmacro %}


{% macro _item_count_ctes() %}
    {#- The CTEs `counted` and `largest`. -#}
    {%- set periods = {'all': '1 = 1', 'early': 'is_early', 'late': 'not is_early'} -%}
customer_counts as (
    {% for period in periods %}
    select
        item_number,
        cast('{{ period }}' as varchar(8)) as period,
        count(*) as n_customers
    from customers
    {{ 'where is_in_' ~ period if period != 'all' }}
    group by item_number
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

buyer_counts as (
    {% for period in periods %}
    select
        item_number,
        cast('{{ period }}' as varchar(8)) as period,
        sum(case when n_{{ period }} > 0 then 1 else 0 end) as n_buyers,
        sum(case when n_{{ period }} > 1 then 1 else 0 end) as n_repeaters
    from buyers
    group by item_number
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

event_counts as (
    {% for period, condition in periods.items() %}
    select
        item_number,
        cast('{{ period }}' as varchar(8)) as period,
        sum(n_events) as n_events,
        sum(n_carts) as n_carts,
        sum(n_purchases) as n_purchases,
        sum(n_prices) as n_prices,
        sum(sum_ln_price) as sum_ln_price,
        sum(case when extract(dow from local_date) in (0, 6) then n_events else 0 end) as n_weekend
    from day_counts
    where {{ condition }}
    group by item_number
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

counted as (
    select
        item_numbers.item_kind,
        item_numbers.item,
        event_counts.*,
        customer_counts.n_customers,
        coalesce(buyer_counts.n_buyers, 0) as n_buyers,
        coalesce(buyer_counts.n_repeaters, 0) as n_repeaters
    from event_counts
    inner join item_numbers on event_counts.item_number = item_numbers.item_number
    inner join customer_counts
        on event_counts.item_number = customer_counts.item_number and event_counts.period = customer_counts.period
    left join buyer_counts
        on event_counts.item_number = buyer_counts.item_number and event_counts.period = buyer_counts.period
),

largest as (
    select
        item_kind,
        item,
        n_customers,
        row_number() over (partition by item_kind order by n_customers desc nulls last, item asc) as place
    from counted
    where period = 'all'
)
{% endmacro %}


{% macro _main_word_ctes() %}
    {#- CTEs that end in `main_words`. -#}
    {%- set words = {'family': 'category_family', 'tier': 'price_tier'} -%}
product_events as (
    select
        product_id,
        sum(n_events) as n_events
    from product_days
    group by product_id
),

item_events as (
    select
        product_items.item_kind,
        product_items.item,
        products.category_family,
        products.price_tier,
        sum(product_events.n_events) as n_events
    from product_events
    inner join product_items on product_events.product_id = product_items.product_id
    inner join {{ ref('product_taxonomy') }} as products on product_events.product_id = products.product_id
    group by product_items.item_kind, product_items.item, products.category_family, products.price_tier
),

{% for name, column in words.items() %}
{{ name }}_places as (
    select
        item_kind,
        item,
        {{ column }},
        row_number() over (
            partition by item_kind, item order by sum(n_events) desc nulls last, {{ column }} asc
        ) as place
    from item_events
    group by item_kind, item, {{ column }}
),
{% endfor %}

main_words as (
    select
        family_places.item_kind,
        family_places.item,
        family_places.category_family,
        tier_places.price_tier
    from family_places
    inner join tier_places
        on
            family_places.item_kind = tier_places.item_kind
            and family_places.item = tier_places.item
            and tier_places.place = 1
    where family_places.place = 1
)
{% endmacro %}
