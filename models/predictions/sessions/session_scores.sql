{#- Grain: one session under way (its last event came at most session_gap_minutes before the newest event of all) of a
    customer who may be profiled: what was known at its last event, and the chance of a purchase after it, whole
    digits. Late data: built whole in each run and in each micro-batch. -#}
{% set features = clientele.session_features() %}
{% set session = clientele.session_key() %}
{% set as_of = clientele.setting('as_of') %}

with

now as (
    {% if as_of == 'last_event' %}
    select max(event_at) as now_at from {{ ref('events') }}
    {% else %}
    select cast('{{ as_of }}' as timestamp) as now_at
    {% endif %}
),

sessions as (
    select user_sessions.*
    from {{ ref('user_sessions') }} as user_sessions
    inner join now
        on
            user_sessions.ended_at <= now.now_at
            and user_sessions.ended_at
            >= {{ dbt.dateadd('minute', '-' ~ clientele.setting('session_gap_minutes'), 'now.now_at') }}
    where
        not user_sessions.is_bot
        and {{ clientele.may_be_profiled('user_sessions.user_sk') }}
        and {{ 'true' if clientele.head_is_on('sessions') else 'false' }}
),

history as (
    select user_sessions.*
    from {{ ref('user_sessions') }} as user_sessions
    where user_sessions.user_sk in (select sessions.user_sk from sessions)
),

session_lines as (
    select events.*
    from {{ ref('events') }} as events
    where
        events.event_at >= (select min(sessions.started_at) from sessions)
        and events.user_sk in (select sessions.user_sk from sessions)
),

{{ clientele.prefix_ctes('session_lines', 'sessions', 'history') }},

from_the_end as (
    select
        prefixes.*,
        row_number() over (
            partition by prefixes.user_sk, prefixes.session_sk, prefixes.session_part
            order by prefixes.n_events desc nulls last
        ) as place_from_end
    from prefixes
),

last_moments as (
    select * from from_the_end
    where place_from_end = 1
),

fitted as (
    select * from {{ ref('session_weights') }}
),

weights as (
    select * from fitted
    where row_kind = 'weight'
),

{{ clientele.linear_score_ctes('last_moments', 'weights', features, ['session'], key=session, pieces=4) }},

{{ clientele.heuristic_ctes(
    'last_moments', 'fitted', ['session'], ['in_cart', 'prefix_events_ln', 'past_orders_ln'], session
) }},

bands as (
    select
        max(case when feature = 'abandon_low' then weight end) as abandon_low,
        max(case when feature = 'abandon_high' then weight end) as abandon_high
    from fitted
    where row_kind = 'parameter'
),

final as (
    select
        last_moments.user_sk,
        last_moments.session_sk,
        last_moments.session_part,
        last_moments.started_at,
        last_moments.event_at,
        last_moments.n_events,
        {% for feature in features %}
        last_moments.{{ feature }},
        {% endfor %}
        last_moments.purchase_at is not null as has_bought,
        case
            when session_model.scored_by = 'model' then {{ clientele.linear_link('linear_scores.score_1', 'logit') }}
            when session_model.scored_by = 'cells' then heuristics.session
        end as p_purchase,
        bands.abandon_low,
        bands.abandon_high,
        cast(session_model.scored_by as varchar(16)) as session_source,
        cast(session_model.model_version as varchar(64)) as model_version,
        now.now_at
    from last_moments
    cross join now
    cross join bands
    left join {{ ref('session_model') }} as session_model on session_model.fit_number is not null
    left join linear_scores
        on
            last_moments.user_sk = linear_scores.user_sk
            and last_moments.session_sk = linear_scores.session_sk
            and last_moments.session_part = linear_scores.session_part
    left join heuristics
        on
            last_moments.user_sk = heuristics.user_sk
            and last_moments.session_sk = heuristics.session_sk
            and last_moments.session_part = heuristics.session_part
)

select * from final
