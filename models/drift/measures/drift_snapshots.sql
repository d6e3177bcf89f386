{#- Grain: one month in which a build described the shop, and what its models said then, added up: how sure they were of
    those who had come within 30 days, and how many orders they expected of everybody within the next 30. Kept through
    full refreshes: it cannot be worked out again. A later build of the same month replaces it. -#}
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key=['period_date'], full_refresh=false
) }}

with

moment as (
    select
        cast(as_of_at as date) as as_of_date,
        cast({{ dbt.date_trunc('month', 'as_of_at') }} as date) as period_date
    from {{ ref('as_of') }}
),

present as (
    select
        segments.margin,
        segments.confidence
    from {{ ref('user_segments') }} as segments
    inner join {{ ref('users') }} as customers on segments.user_key = customers.user_key
    inner join {{ ref('user_feature_values') }} as feature_values on customers.user_sk = feature_values.user_sk
    cross join moment
    where
        feature_values.last_event_at >= {{ dbt.dateadd('day', -30, 'moment.as_of_date') }}
        and segments.margin is not null
),

said as (
    select
        count(*) as n_scored,
        avg({{ clientele.exact('margin') }}) as mean_margin,
        {{ clientele.double('stddev(margin)') }} as sd_margin,
        avg({{ clientele.exact('confidence') }}) as mean_confidence,
        {{ clientele.double('stddev(confidence)') }} as sd_confidence
    from present
),

valued as (
    select
        max(model_version) as value_version,
        sum({{ clientele.exact('expected_orders_30d') }}) as value_orders_30d
    from {{ ref('customer_values') }}
),

headed as (
    select
        max(model_version) as head_version,
        sum({{ clientele.exact('p_order_30d') }}) as head_buyers_30d
    from {{ ref('customer_scores') }}
),

champion as (
    select max(model_version) as persona_version from {{ ref('segment_models') }} where is_champion
),

final as (
    select
        moment.period_date,
        moment.as_of_date,
        cast(champion.persona_version as varchar(64)) as persona_version,
        cast(said.n_scored as bigint) as n_scored,
        {{ clientele.double('said.mean_margin') }} as mean_margin,
        {{ clientele.double('said.sd_margin') }} as sd_margin,
        {{ clientele.double('said.mean_confidence') }} as mean_confidence,
        {{ clientele.double('said.sd_confidence') }} as sd_confidence,
        cast(valued.value_version as varchar(64)) as value_version,
        {{ clientele.double('valued.value_orders_30d') }} as value_orders_30d,
        cast(headed.head_version as varchar(64)) as head_version,
        {{ clientele.double('headed.head_buyers_30d') }} as head_buyers_30d
    from moment
    cross join champion
    cross join said
    cross join valued
    cross join headed
)

select * from final
