{#- Grain: one customer who may be profiled and had a session, not a bot's, up to the day of the build: what the heads
    read. Built whole: recency moves with as_of. -#}

with

origins as (
    select
        cast(0 as integer) as days_back,
        cast({{ dbt.dateadd('day', 1, 'as_of_date') }} as date) as origin_date
    from {{ ref('prediction_request') }}
),

profiled_sessions as (
    select *
    from {{ ref('user_sessions') }}
    where {{ clientele.may_be_profiled('user_sk') }}
),

families as (
    select * from {{ ref('family_features') }}
),

{{ clientele.prediction_feature_ctes('profiled_sessions', 'origins', 'families') }},

final as (
    select
        user_sk,
        cast(n_events as bigint) as n_events,
        cast(n_orders as bigint) as n_orders,
        revenue_30d,
        revenue_90d,
        {% for feature in clientele.prediction_features() %}
        {{ feature }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from known
)

select * from final
