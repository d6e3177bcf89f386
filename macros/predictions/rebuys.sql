{#- What the last order was made of, and whether it is bought again: one model for products, brands and families. -#}

{% macro rebuy_features() %}
    {#- What the model reads of the customer and an item of the last order. -#}
    {{ return([
        'item_days_ln', 'item_share_logit', 'rebuy_orders_ln', 'rebuy_recency_ln', 'rebuy_gap_ln', 'rebuy_overdue_ln',
        'basket_ln', 'item_buyers_ln', 'item_late_buyers_ln', 'item_again_logit', 'item_repeat_logit', 'is_brand', 'is_family',
    ]) }}
{% endmacro %}


{% macro rebuy_levels() %}
    {{ return(['product', 'brand', 'family']) }}
{% endmacro %}


{% macro rebuy_heads() %}
    {%- set heads = [] -%}
    {%- for level in clientele.rebuy_levels() -%}{%- do heads.append('rebuy_' ~ level) -%}{%- endfor -%}
    {{ return(heads) }}
{% endmacro %}


{% macro item_purchase_ctes(bought) %}
    {#- The CTE `item_purchases`: user_sk, item_level, item_id and local_date, once each, from rows of core.customer_purchases.
        A product without a brand is of none, and one without a category of no family. -#}
item_purchases as (
    select
        user_sk,
        'product' as item_level,
        cast(product_id as varchar(256)) as item_id,
        local_date
    from {{ bought }}
    {% for level, column, nothing in [('brand', 'brand', ''), ('family', 'category_family', 'unclassified')] -%}
    union all
    select distinct
        bought.user_sk,
        '{{ level }}' as item_level,
        cast(product_taxonomy.{{ column }} as varchar(256)) as item_id,
        bought.local_date
    from {{ bought }} as bought
    inner join {{ ref('product_taxonomy') }} as product_taxonomy on bought.product_id = product_taxonomy.product_id
    where product_taxonomy.{{ column }} is not null and product_taxonomy.{{ column }} != '{{ nothing }}'
    {% endfor %}
)
{%- endmacro %}


{% macro rebuy_feature_ctes(bought, origins, people=none) %}
    {#- CTEs that end in `rebuy_known`: for each customer of `people` (none: everybody) and origin, the items of the last
        order before the origin, with their features. `bought`: a CTE with rows of core.customer_purchases. What others buy
        again counts without the customer, so that nobody is told by the own past alone. -#}
    {%- set never = 400 -%}
{{ clientele.item_purchase_ctes(bought) }},

known_items as (
    select
        item_purchases.user_sk,
        origins.days_back,
        origins.origin_date,
        item_purchases.item_level,
        item_purchases.item_id,
        {{ clientele.double('count(*)') }} as n_days,
        max(item_purchases.local_date) as last_date
    from item_purchases
    inner join {{ origins }} as origins on item_purchases.local_date < origins.origin_date
    group by
        item_purchases.user_sk, origins.days_back, origins.origin_date, item_purchases.item_level, item_purchases.item_id
),

known_orders as (
    select
        bought.user_sk,
        origins.days_back,
        origins.origin_date,
        {{ clientele.double('count(distinct bought.local_date)') }} as n_orders,
        min(bought.local_date) as first_date,
        max(bought.local_date) as last_date
    from {{ bought }} as bought
    inner join {{ origins }} as origins on bought.local_date < origins.origin_date
    group by bought.user_sk, origins.days_back, origins.origin_date
),

item_rates as (
    select
        known_items.days_back,
        known_items.item_level,
        known_items.item_id,
        {{ clientele.double('count(*)') }} as n_buyers,
        {{ clientele.double('sum(case when known_items.last_date >= ' ~ dbt.dateadd('day', -30, 'known_items.origin_date') ~ ' then 1 else 0 end)') }}
            as n_late_buyers,
        {{ clientele.double('sum(known_items.n_days - 1)') }} as n_again,
        {{ clientele.double('sum(known_orders.n_orders - 1)') }} as n_chances,
        {{ clientele.double('sum(case when known_items.n_days > 1 then 1 else 0 end)') }} as n_repeaters
    from known_items
    inner join known_orders
        on known_items.user_sk = known_orders.user_sk and known_items.days_back = known_orders.days_back
    group by known_items.days_back, known_items.item_level, known_items.item_id
),

last_items as (
    select
        known_items.*,
        known_orders.n_orders,
        {{ clientele.double(dbt.datediff('known_orders.last_date', 'known_items.origin_date', 'day')) }} as recency_days,
        case
            when known_orders.n_orders > 1
                then {{ clientele.double(dbt.datediff('known_orders.first_date', 'known_orders.last_date', 'day')) }}
                    / (known_orders.n_orders - 1)
        end as gap_days,
        {{ clientele.double('count(*) over (partition by known_items.user_sk, known_items.days_back, known_items.item_level)') }}
            as n_items,
        case when known_items.n_days > 1 then 1 else 0 end as is_repeater
    from known_items
    inner join known_orders
        on
            known_items.user_sk = known_orders.user_sk
            and known_items.days_back = known_orders.days_back
            and known_items.last_date = known_orders.last_date
    {% if people -%}
    inner join {{ people }} as people on known_items.user_sk = people.user_sk
    {%- endif %}
),

{{ clientele.rebuy_known_ctes(never) }}
{%- endmacro %}


{% macro rebuy_known_ctes(never) %}
    {#- The CTE `rebuy_known`: features from the sums before. Who has ordered once is as one with a gap of `never` days. -#}
rebuy_known as (
    select
        last_items.user_sk,
        last_items.days_back,
        last_items.origin_date,
        last_items.item_level,
        last_items.item_id,
        ln(1 + last_items.n_days) as item_days_ln,
        {{ clientele.share_logit('last_items.n_days', 'last_items.n_orders', 0.5, 1) }} as item_share_logit,
        ln(1 + last_items.n_orders) as rebuy_orders_ln,
        ln(1 + last_items.recency_days) as rebuy_recency_ln,
        ln(1 + coalesce(last_items.gap_days, {{ never }})) as rebuy_gap_ln,
        coalesce(ln((1 + last_items.recency_days) / (1 + last_items.gap_days)), 0) as rebuy_overdue_ln,
        ln(1 + last_items.n_items) as basket_ln,
        ln(1 + item_rates.n_buyers) as item_buyers_ln,
        ln(1 + item_rates.n_late_buyers) as item_late_buyers_ln,
        -- of the orders of other buyers, those that held the item again
        ln(
            (item_rates.n_again - last_items.n_days + 2)
            / (greatest(
                (item_rates.n_chances - last_items.n_orders + 1) - (item_rates.n_again - last_items.n_days + 1), 0e0
            ) + 10)
        ) as item_again_logit,
        -- of its other buyers, those who came back for it
        {{ clientele.share_logit(
            'item_rates.n_repeaters - last_items.is_repeater', 'item_rates.n_buyers - 1', 1, 5
        ) }} as item_repeat_logit,
        {{ clientele.double("case when last_items.item_level = 'brand' then 1 else 0 end") }} as is_brand,
        {{ clientele.double("case when last_items.item_level = 'family' then 1 else 0 end") }} as is_family
    from last_items
    inner join item_rates
        on
            last_items.days_back = item_rates.days_back
            and last_items.item_level = item_rates.item_level
            and last_items.item_id = item_rates.item_id
)
{%- endmacro %}
