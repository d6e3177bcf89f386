{#- Grain: one user of the sample that a fit and the parity test look at: at least fit_min_events events, at most
    sample_users users. -#}

with

eligible as (
    select *
    from {{ ref('user_feature_values') }}
    where n_events >= {{ clientele.setting('fit_min_events') }} and {{ clientele.may_be_profiled('user_sk') }}
),

sampled as (
    {{ clientele.sampled('eligible', clientele.setting('sample_users')) }}
),

final as (
    select
        eligible.user_sk,
        eligible.n_orders,
        eligible.revenue,
        {% for feature in clientele.feature_names() %}
        eligible.{{ feature }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from eligible
    inner join sampled on eligible.user_sk = sampled.user_sk
)

select * from final
