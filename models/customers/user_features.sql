{#- Grain: one user. What people read of core.user_feature_values, under the pseudonym: weeks, bands, rounded figures,
    so that a receipt finds nobody; exact values are in core. A view, so that no copy is kept. -#}
{{ config(materialized='view') }}

with

feature_values as (
    select * from {{ ref('user_feature_values') }} where {{ clientele.may_be_profiled('user_sk') }}
),

users as (
    select user_sk, user_key from {{ ref('users') }}
),

priors as (
    select order_value from {{ ref('shop_priors') }}
),

final as (
    select
        users.user_key,
        {{ clientele.significant('feature_values.n_events') }} as n_events,
        {{ clientele.significant('feature_values.n_sessions') }} as n_sessions,
        {{ clientele.significant('feature_values.n_orders') }} as n_orders,
        {{ clientele.revenue_band('feature_values.revenue', 'priors.order_value') }} as revenue_band,
        {{ clientele.week_of('feature_values.first_event_at') }} as first_event_week,
        {{ clientele.week_of('feature_values.last_event_at') }} as last_event_week,
        {{ clientele.week_of('feature_values.last_order_at') }} as last_order_week,
        {% for name in clientele.feature_names() %}
        {% set value = 'feature_values.' ~ name %}
        {% set told = clientele.order_value_told(value, 'priors.order_value') if name == 'order_value_ln' else value %}
        {{ clientele.round_to_step(told, 0.1) }} as {{ name }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from feature_values
    inner join users on feature_values.user_sk = users.user_sk
    cross join priors
)

select * from final
