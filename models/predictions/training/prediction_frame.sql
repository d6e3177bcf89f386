{#- Grain: one customer of the sample and one origin: what was known before that day, and what the customer ordered from
    that day on. Empty unless a fit is due. -#}

with

request as (
    select * from {{ ref('prediction_request') }}
),

origins as (
    select * from {{ ref('prediction_origins') }}
),

sampled as (
    select * from {{ ref('prediction_users') }}
),

sampled_sessions as (
    select user_sessions.*
    from {{ ref('user_sessions') }} as user_sessions
    inner join sampled on user_sessions.user_sk = sampled.user_sk
),

families as (
    select * from {{ ref('family_frame') }}
),

{{ clientele.prediction_feature_ctes('sampled_sessions', 'origins', 'families') }},

ordered as (
    select
        day_sessions.user_sk,
        origins.days_back,
        min({{ dbt.datediff('origins.origin_date', 'day_sessions.local_date', 'day') }}) + 1 as days_to_order,
        sum(
            case
                when day_sessions.local_date < {{ dbt.dateadd('day', 30, 'origins.origin_date') }}
                    then day_sessions.revenue
                else 0
            end
        ) as spend_30d,
        sum(
            case
                when day_sessions.local_date < {{ dbt.dateadd('day', 90, 'origins.origin_date') }}
                    then day_sessions.revenue
                else 0
            end
        ) as spend_90d
    from day_sessions
    cross join request
    inner join origins on day_sessions.local_date >= origins.origin_date
    where day_sessions.n_purchases > 0 and day_sessions.local_date <= request.as_of_date
    group by day_sessions.user_sk, origins.days_back
),

final as (
    select
        known.user_sk,
        cast(known.days_back as integer) as days_back,
        known.origin_date,
        cast(known.n_events as bigint) as n_events,
        cast(known.n_orders as bigint) as n_orders,
        known.revenue_30d,
        known.revenue_90d,
        {% for feature in clientele.prediction_features() %}
        known.{{ feature }},
        {% endfor %}
        cast(ordered.days_to_order as integer) as days_to_order,
        case when known.days_back >= 30 then {{ clientele.double('coalesce(ordered.spend_30d, 0)') }} end as spend_30d,
        case when known.days_back >= 90 then {{ clientele.double('coalesce(ordered.spend_90d, 0)') }} end as spend_90d
    from known
    left join ordered on known.user_sk = ordered.user_sk and known.days_back = ordered.days_back
)

select * from final
