{#- Grain: one customer who may be profiled: all that a condition of an audience may use. The yml beside it is the
    dictionary of fields: a column with `values` or `values_from` takes no other value. Late data: built whole in each
    run. -#}

with

users as (
    select user_sk, user_key from {{ ref('users') }}
),

promoted as (
    select distinct model_version as promoted_version from {{ ref('segment_decisions') }} where decision = 'promote'
),

standing as (
    select
        coalesce(
            max(case
                when models.model_status = 'proven' or models.decision in ('pinned', 'promoted') then 1
                -- an experiment holds it, and a person has promoted it before
                when models.decision = 'held' and promoted.promoted_version is not null then 1
                else 0
            end) = 1, false
        ) as may_use_personas
    from {{ ref('segment_models') }} as models
    left join promoted on models.model_version = promoted.promoted_version
    where models.is_champion
),

{{ clientele.human_event_ctes() }},

own_brands as (
    select brand as own_brand from {{ ref('shop_brands') }}
),

families as (
    select
        products.product_id,
        products.category_family,
        case when own_brands.own_brand is not null then 1 else 0 end as is_own
    from {{ ref('product_families') }} as products
    left join own_brands on lower(products.brand) = own_brands.own_brand
),

own_families as (
    select distinct category_family from families where is_own = 1
),

-- what became of each product that a customer has carted or bought
handled as (
    select
        user_sk,
        product_id,
        max(case when event_type = 'cart' then event_at end) as carted_at,
        max(case when event_type = 'cart' then price end) as cart_price,
        max(case when event_type != 'cart' then event_at end) as settled_at,
        max(case when event_type = 'purchase' then 1 else 0 end) as is_bought
    from human_events
    where event_type in ('cart', 'remove_from_cart', 'purchase')
    group by user_sk, product_id
),

baskets as (
    select
        handled.user_sk,
        max(cast({{ clientele.local_time('handled.carted_at') }} as date)) as last_cart_date,
        sum(case
            when handled.carted_at is not null
                and (handled.settled_at is null or handled.settled_at < handled.carted_at) then handled.cart_price
            else 0
        end) as open_cart_value,
        max(case when handled.is_bought = 1 then families.is_own else 0 end) as has_own_brand,
        max(
            case when handled.is_bought = 1 and own_families.category_family is not null then 1 else 0 end
        ) as has_own_brand_choice
    from handled
    left join families on handled.product_id = families.product_id
    left join own_families on families.category_family = own_families.category_family
    group by handled.user_sk
),

recommended as (
    select
        user_key,
        max(case when kind = 'new' then category_family end) as next_family,
        max(case when kind = 'new' then list_source end) as next_source,
        max(case when kind = 'again' then category_family end) as again_family,
        max(case when kind = 'again' then list_source end) as again_source
    from {{ ref('customer_recommendations') }}
    where list_rank = 1
    group by user_key
),

final as (
    select
        users.user_sk,
        segments.user_key,
        cast({{ clientele.local_time('segments.as_of') }} as date) as as_of_date,
        standing.may_use_personas,
        cast(segments.lifecycle_state as varchar(16)) as lifecycle_state,
        segments.value_tier,
        segments.segment_id as persona,
        cast(segments.status as varchar(20)) as persona_status,
        segments.previous_persona,
        segments.persona_since,
        visits.n_orders,
        facts.revenue_band,
        visits.first_visit_date,
        visits.last_visit_date,
        cast({{ clientele.local_time('feature_values.last_order_at') }} as date) as last_order_date,
        baskets.last_cart_date,
        {{ clientele.double('coalesce(baskets.open_cart_value, 0)') }} as open_cart_value,
        facts.favourite_family,
        facts.favourite_brand,
        facts.price_level,
        facts.visits_per_week,
        facts.evening_share,
        coalesce(baskets.has_own_brand = 1, false) as has_own_brand,
        coalesce(baskets.has_own_brand_choice = 1, false) as has_own_brand_choice,
        predictions.status as prediction_status,
        predictions.p_order_7d,
        predictions.p_order_30d,
        predictions.p_order_90d,
        predictions.expected_spend_30d,
        predictions.expected_spend_90d,
        predictions.decile as order_decile,
        recommended.next_family,
        recommended.next_source,
        recommended.again_family,
        recommended.again_source,
        shadow.segment_id as challenger_persona,
        {{ clientele.round_to_step('scores.shadow_p_order_30d', '0.001') }} as shadow_p_order_30d
    from {{ ref('user_segments') }} as segments
    inner join users on segments.user_key = users.user_key
    inner join {{ ref('customer_visits') }} as visits on users.user_sk = visits.user_sk
    inner join {{ ref('user_feature_values') }} as feature_values on users.user_sk = feature_values.user_sk
    cross join standing
    left join baskets on users.user_sk = baskets.user_sk
    left join {{ ref('customer_facts') }} as facts on segments.user_key = facts.user_key
    left join {{ ref('customer_predictions') }} as predictions on segments.user_key = predictions.user_key
    left join {{ ref('customer_scores') }} as scores on users.user_sk = scores.user_sk
    left join {{ ref('user_segments_shadow') }} as shadow on segments.user_key = shadow.user_key
    left join recommended on segments.user_key = recommended.user_key
)

select * from final
