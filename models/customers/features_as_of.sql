{#- Grain: one moment, with the features that the user had then, from what the moment knows: whole sessions that had
    ended by it, half of the sessions, or a part of the events with its sessions made again. A moment in which the user
    had no session, or one that looks like a bot's so far, has no row. Late data: built whole in each run that needs it.
    -#}

with

{{ clientele.moment_history_ctes() }},

{{ clientele.user_feature_ctes('windows', 'moment_sessions', 'moment_events') }},

final as (
    select
        moments.moment_sk,
        moments.user_sk,
        moments.kind,
        moments.part,
        moments.part_number,
        moments.origin_at,
        cast(windows.n_events as bigint) as n_events,
        cast(windows.n_orders as bigint) as n_orders,
        cast(windows.n_carts as bigint) as n_carts,
        {{ clientele.double('windows.revenue') }} as revenue,
        windows.first_event_at,
        windows.ends_at as last_event_at,
        windows.last_order_at,
        {% for feature in clientele.feature_names() %}
        user_features_as_of.{{ feature }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from user_features_as_of
    inner join windows on user_features_as_of.user_sk = windows.user_sk
    inner join {{ ref('moments') }} as moments on user_features_as_of.user_sk = moments.moment_sk
)

select * from final
