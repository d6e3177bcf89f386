{#- What customers bought, with what a product usually costs. -#}

{% macro purchase_ctes(columns=[], condition=none) %}
    {#- CTEs that end in `buyers`: a row per purchase of a customer who may be profiled, bots left out, with revenue,
        month_date, category_family, whether it cost a twentieth less than usual (is_below), segment_id and tier_code. `columns`: more
        columns of core.product_families; `condition`: which purchases. -#}
{{ clientele.human_event_ctes() }},

purchases as (
    select
        human_events.user_sk,
        {{ clientele.line_value() }} as revenue,
        cast({{ dbt.date_trunc('month', 'human_events.event_at') }} as date) as month_date,
        coalesce(products.category_family, 'unclassified') as category_family,
        {% for column in columns %}
        products.{{ column }},
        {% endfor %}
        -- a twentieth below what the product costs usually: less is rounding
        case when human_events.price < 0.95 * exp(products.mean_ln_price) then 1 else 0 end as is_below
    from human_events
    inner join {{ ref('product_families') }} as products on human_events.product_id = products.product_id
    where
        human_events.event_type = 'purchase'
        {% if condition %}
        and {{ condition }}
        {% endif %}
),

buyers as (
    select
        purchases.*,
        cast(coalesce(segments.segment_id, 0) as integer) as segment_id,
        coalesce(cast(segments.value_tier as varchar(256)), 'none') as tier_code
    from purchases
    inner join {{ ref('users') }} as shop_users on purchases.user_sk = shop_users.user_sk
    inner join {{ ref('user_segments') }} as segments on shop_users.user_key = segments.user_key
)
{% endmacro %}
