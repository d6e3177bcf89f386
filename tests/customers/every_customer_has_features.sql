{#- Breaks when a user with a session that is not a bot's, who may be profiled, has no features, or another one has: the
    joins to calendar, taxonomy and priors lose users silently. Not a check of what the features say (unit tests). -#}
with

customers as (
    select user_sk, sum(n_events) as n_events, sum(revenue) as revenue
    from {{ ref('user_sessions') }}
    where not is_bot and {{ clientele.may_be_profiled('user_sk') }}
    group by user_sk
    having max(ended_at) >= {{ clientele.kept_from('profiles') }}
),

compared as (
    select
        coalesce(customers.user_sk, user_feature_values.user_sk) as user_sk,
        customers.n_events as n_events_in_sessions,
        user_feature_values.n_events as n_events_in_features
    from customers
    full join {{ ref('user_feature_values') }} as user_feature_values on customers.user_sk = user_feature_values.user_sk
    where
        coalesce(customers.n_events, -1) != coalesce(user_feature_values.n_events, -1)
        or coalesce(customers.revenue, -1) != coalesce(user_feature_values.revenue, -1)
)

select * from compared
