{#- Grain: one user of the sample and one half of the user's sessions (earlier, later): the same features twice, from
    which the fit learns how reliable each is. Halves in time, not odd and even sessions: a habit is what lasts, and
    halves that share their days agree on how often and in which season without either being one.
    Only when a fit is due; empty otherwise. -#}

with

eligible as (
    select user_sk from {{ ref('segment_sample') }} where {{ 'true' if clientele.fit_is_due() else 'false' }}
),

sampled as (
    {{ clientele.sampled('eligible', 20000) }}
),

numbered as (
    select
        user_sessions.*,
        row_number() over (
            partition by user_sessions.user_sk
            order by user_sessions.started_at, user_sessions.session_sk, user_sessions.session_part
        ) as session_number,
        count(*) over (partition by user_sessions.user_sk) as n_user_sessions
    from {{ ref('user_sessions') }} as user_sessions
    inner join sampled on user_sessions.user_sk = sampled.user_sk
    where not user_sessions.is_bot
),

{% for half in ['earlier', 'later'] %}
{{ half }}_sessions as (
    select * from numbered where 2 * session_number {{ '<=' if half == 'earlier' else '>' }} n_user_sessions
),

{{ half }}_events as (
    select events.user_sk, events.event_at, events.event_type, events.product_id
    from {{ ref('events') }} as events
    inner join {{ half }}_sessions
        on
            events.user_sk = {{ half }}_sessions.user_sk
            and events.session_sk = {{ half }}_sessions.session_sk
            and events.event_at >= {{ half }}_sessions.started_at
            and events.event_at <= {{ half }}_sessions.ended_at
),

{{ half }}_windows as (
    select
        user_sk,
        max(ended_at) as ends_at
    from {{ half }}_sessions
    group by user_sk
),

{{ half }}_features as (
    with {{ clientele.user_feature_ctes(half ~ '_windows', half ~ '_sessions', half ~ '_events') }}
    select * from user_features_as_of
),

{% endfor %}
final as (
    select cast('earlier' as varchar(7)) as half, earlier_features.* from earlier_features
    union all
    select cast('later' as varchar(7)) as half, later_features.* from later_features
)

select * from final
