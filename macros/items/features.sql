{#- The sums from which an item's numbers are made. -#}

{% macro item_period_ctes(item_days) %}
    {#- CTEs over `item_days`, a CTE with a row per item_kind, item, customer, day, family and price tier. `counted`:
        one row per item and period (all, early, late); `largest`: the items by their customers; `main_words`: the family
        and the price tier that most events of an item have. -#}
periods as (
    {% for period in ['all', 'early', 'late'] %}
    select
        item_days.*,
        cast('{{ period }}' as varchar(8)) as period
    from {{ item_days }} as item_days
    {% if period != 'all' %}where {{ '' if period == 'early' else 'not ' }}is_early{% endif %}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

customers as (
    select
        item_kind,
        item,
        period,
        user_sk,
        sum(n_events) as n_events,
        sum(n_carts) as n_carts,
        sum(n_purchases) as n_purchases,
        sum(n_prices) as n_prices,
        sum(sum_ln_price) as sum_ln_price,
        sum(case when extract(dow from local_date) in (0, 6) then n_events else 0 end) as n_weekend,
        count(distinct case when n_purchases > 0 then local_date end) as n_purchase_days
    from periods
    group by item_kind, item, period, user_sk
),

counted as (
    select
        item_kind,
        item,
        period,
        count(*) as n_customers,
        sum(n_events) as n_events,
        sum(n_carts) as n_carts,
        sum(n_purchases) as n_purchases,
        sum(n_prices) as n_prices,
        sum(sum_ln_price) as sum_ln_price,
        sum(n_weekend) as n_weekend,
        sum(case when n_purchase_days > 0 then 1 else 0 end) as n_buyers,
        sum(case when n_purchase_days > 1 then 1 else 0 end) as n_repeaters
    from customers
    group by item_kind, item, period
),

largest as (
    select
        item_kind,
        item,
        n_customers,
        row_number() over (partition by item_kind order by n_customers desc nulls last, item asc) as place
    from counted
    where period = 'all'
),

{{ clientele._main_word_ctes(item_days) }}
{% endmacro %}


{% macro _main_word_ctes(item_days) %}
    {#- CTEs that end in `main_words`. -#}
family_events as (
    select item_kind, item, category_family, sum(n_events) as n_events
    from {{ item_days }}
    group by item_kind, item, category_family
),

tier_events as (
    select item_kind, item, price_tier, sum(n_events) as n_events
    from {{ item_days }}
    group by item_kind, item, price_tier
),

family_places as (
    select
        family_events.*,
        row_number() over (
            partition by item_kind, item order by n_events desc nulls last, category_family asc
        ) as place
    from family_events
),

tier_places as (
    select
        tier_events.*,
        row_number() over (partition by item_kind, item order by n_events desc nulls last, price_tier asc) as place
    from tier_events
),

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
