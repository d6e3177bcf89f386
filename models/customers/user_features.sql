{#- Grain: one user. What people read of core.user_feature_values, under the pseudonym. A view, so that no
    copy is kept. -#}
{{ config(materialized='view') }}

with

feature_values as (
    select * from {{ ref('user_feature_values') }} where {{ clientele.may_be_profiled('user_sk') }}
),

users as (
    select user_sk, user_key from {{ ref('users') }}
),

final as (
    select
        users.user_key,
        feature_values.n_events,
        feature_values.n_sessions,
        feature_values.n_orders,
        feature_values.revenue,
        feature_values.first_event_at,
        feature_values.last_event_at,
        feature_values.last_order_at,
        {% for feature in clientele.feature_names() %}
        feature_values.{{ feature }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from feature_values
    inner join users on feature_values.user_sk = users.user_sk
)

select * from final
