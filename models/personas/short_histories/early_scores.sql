{#- Grain: one user with enough events for a persona or for the fit and fewer than a long history has, and what the
    champion's early classifier says. persona_scores takes it where it measured better than the centroids. Late data:
    as in centroid_scores. -#}

with

threshold as (
    select
        least(min_events, {{ clientele.setting('fit_min_events') }}) as min_events,
        mature_events
    from {{ ref('persona_threshold') }}
),

eligible as (
    select feature_values.*
    from {{ ref('user_feature_values') }} as feature_values
    cross join threshold
    where
        feature_values.n_events >= threshold.min_events
        and feature_values.n_events < threshold.mature_events
        and {{ clientele.may_be_profiled('feature_values.user_sk') }}
),

{{ clientele.kept_score_ctes('eligible', 'early_weights') }}

select * from kept_scores
