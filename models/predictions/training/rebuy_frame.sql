{#- Grain: one customer of the sample, origin and item (product, brand or family) of the last order before the origin:
    what was known of it, and whether it was bought again within thirty days. Empty unless a fit is due. -#}

with

origins as (
    select *
    from {{ ref('prediction_origins') }}
    where days_back between 30 and 150 and {{ 'true' if clientele.head_is_on('rebuy') else 'false' }}
),

sampled as (
    select * from {{ ref('prediction_users') }}
),

purchases as (
    select * from {{ ref('customer_purchases') }}
),

{{ clientele.rebuy_feature_ctes('purchases', 'origins', 'sampled') }},

bought_again as (
    select distinct
        item_purchases.user_sk,
        origins.days_back,
        item_purchases.item_level,
        item_purchases.item_id
    from item_purchases
    inner join origins
        on
            item_purchases.local_date >= origins.origin_date
            and item_purchases.local_date < {{ dbt.dateadd('day', 30, 'origins.origin_date') }}
),

final as (
    select
        rebuy_known.user_sk,
        rebuy_known.days_back,
        rebuy_known.origin_date,
        cast(rebuy_known.item_level as varchar(8)) as item_level,
        rebuy_known.item_id,
        {% for feature in clientele.rebuy_features() %}
        rebuy_known.{{ feature }},
        {% endfor %}
        cast(case when bought_again.user_sk is null then 0 else 1 end as integer) as is_bought_again
    from rebuy_known
    left join bought_again
        on
            rebuy_known.user_sk = bought_again.user_sk
            and rebuy_known.days_back = bought_again.days_back
            and rebuy_known.item_level = bought_again.item_level
            and rebuy_known.item_id = bought_again.item_id
)

select * from final
