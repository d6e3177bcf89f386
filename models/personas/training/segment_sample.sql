{#- Grain: one user of the sample that a fit and the parity test look at: at least fit_min_events events, at most
    sample_users users. -#}

with

eligible as (
    select user_sk
    from {{ ref('user_feature_values') }}
    where n_events >= {{ clientele.setting('fit_min_events') }} and {{ clientele.may_be_profiled('user_sk') }}
),

sampled as (
    {{ clientele.sampled('eligible', clientele.setting('sample_users')) }}
),

final as (
    select
        feature_values.user_sk,
        feature_values.n_orders,
        feature_values.n_carts,
        feature_values.revenue,
        cast(feature_values.first_event_at as date) as first_event_date,
        {% for feature in clientele.feature_names() %}
        feature_values.{{ feature }},
        {% endfor %}
        {{ clientele.row_hash(clientele.feature_names()) }} as features_hash
    from {{ ref('user_feature_values') }} as feature_values
    inner join sampled on feature_values.user_sk = sampled.user_sk
)

select * from final
