{#- Grain: one user and origin of core.moments: the value score then, from the visits that had ended by then. It is
    what personas are judged against. The constants of the formula are those of today's fit: eleven numbers of the
    whole shop, which favour the base. Only when personas are fitted and value has a model; empty otherwise. Late data:
    built whole. -#}

with

origins as (
    select
        user_sk,
        origin_at,
        -- the day that has just ended there
        cast({{ dbt.dateadd('day', -1, clientele.local_time('origin_at')) }} as date) as known_date
    from {{ ref('moments') }}
    where kind = 'origin'
),

sessions_by_origin as (
    select user_sessions.*, origins.origin_at, origins.known_date
    from {{ ref('user_sessions') }} as user_sessions
    inner join origins on user_sessions.user_sk = origins.user_sk and user_sessions.ended_at < origins.origin_at
),

visits as (
    {{ clientele.customer_days('sessions_by_origin', ['origin_at', 'known_date']) }}
),

known as (
    select
        user_sk,
        origin_at,
        known_date,
        {{ clientele.visit_sums() }}
    from visits
    group by user_sk, origin_at, known_date
),

customers as (
    select
        user_sk,
        origin_at,
        n_visits,
        n_ordering_visits,
        n_orders,
        {{ clientele.double('revenue') }} as revenue,
        {{ clientele.double('n_visits - 1') }} as frequency,
        {{ clientele.double(dbt.datediff('first_visit_date', 'last_visit_date', 'day')) }} as recency_days,
        -- never before the last visit: the local day may have begun before the origin
        {{ clientele.double(
            'greatest(' ~ dbt.datediff('first_visit_date', 'known_date', 'day') ~ ', '
            ~ dbt.datediff('first_visit_date', 'last_visit_date', 'day') ~ ')'
        ) }} as age_days
    from known
),

{{ clientele.value_score_ctes('customers', ['user_sk', 'origin_at']) }},

final as (
    select user_sk, cast(origin_at as date) as origin_date, value_score, model_version from valued
)

select * from final
