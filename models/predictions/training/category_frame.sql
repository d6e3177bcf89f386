{#- Grain: one customer of the sample, origin and category family that the customer had looked at before the origin
    or bought from in the thirty days from it on; and for each origin and family a customer who had not looked
    at it (user_sk -1). Empty unless a fit is due. -#}

with

origins as (
    select *
    from {{ ref('prediction_origins') }}
    where days_back between 30 and 120 and {{ 'true' if clientele.head_is_on('category') else 'false' }}
),

sampled as (
    select * from {{ ref('prediction_users') }}
),

history as (
    select family_frame.*
    from {{ ref('family_frame') }} as family_frame
    inner join origins on family_frame.days_back = origins.days_back
),

{{ clientele.human_event_ctes('sampled') }},

purchases as (
    select
        human_events.user_sk,
        product_taxonomy.family_rank,
        cast({{ clientele.local_time('human_events.event_at') }} as date) as local_date
    from human_events
    inner join {{ ref('product_taxonomy') }} as product_taxonomy
        on human_events.product_id = product_taxonomy.product_id
    where
        human_events.event_type = 'purchase'
        and product_taxonomy.family_rank between 1 and {{ clientele.n_prediction_families() }}
),

bought as (
    select distinct
        purchases.user_sk,
        origins.days_back,
        purchases.family_rank
    from purchases
    inner join origins
        on
            purchases.local_date >= origins.origin_date
            and purchases.local_date < {{ dbt.dateadd('day', 30, 'origins.origin_date') }}
),

pairs as (
    select user_sk, days_back, origin_date, family_rank
    from history
    where family_rank > 0
    union
    select bought.user_sk, bought.days_back, origins.origin_date, bought.family_rank
    from bought
    inner join origins on bought.days_back = origins.days_back
    union
    select {{ clientele.stranger() }} as user_sk, origins.days_back, origins.origin_date, family_prices.family_rank
    from origins
    inner join {{ ref('family_prices') }} as family_prices
        on family_prices.family_rank <= {{ clientele.n_prediction_families() }}
),

{{ clientele.family_feature_ctes('pairs', 'history') }},

final as (
    select
        cast(family_known.user_sk as bigint) as user_sk,
        family_known.days_back,
        cast(family_known.family_rank as integer) as family_rank,
        {% for feature in clientele.category_family_features() %}
        family_known.{{ feature }},
        {% endfor %}
        cast(case when bought.user_sk is null then 0 else 1 end as integer) as is_bought
    from family_known
    left join bought
        on
            family_known.user_sk = bought.user_sk
            and family_known.days_back = bought.days_back
            and family_known.family_rank = bought.family_rank
)

select * from final
