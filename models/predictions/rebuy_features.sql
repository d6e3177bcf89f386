{#- Grain: one customer who may be profiled and item (product, brand or family) of the last order up to the day of the
    build: what the model of buying again reads. Built whole: recency moves with as_of. -#}

with

origins as (
    select
        cast(0 as integer) as days_back,
        cast({{ dbt.dateadd('day', 1, 'as_of_date') }} as date) as origin_date
    from {{ ref('prediction_request') }}
    where {{ 'true' if clientele.head_is_on('rebuy') else 'false' }}
),

purchases as (
    select * from {{ ref('customer_purchases') }}
),

{{ clientele.rebuy_feature_ctes('purchases', 'origins') }},

final as (
    select
        user_sk,
        cast(item_level as varchar(8)) as item_level,
        item_id,
        {% for feature in clientele.rebuy_features() %}
        {{ feature }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from rebuy_known
)

select * from final
