{#- Grain: one user with enough events for a persona or for the fit, and where the champion's centroids put the user.
    Late data: who has changed is scored, or everybody when the champion has: a mixture of models cannot stand. -#}

with

threshold as (
    select least(min_events, {{ clientele.setting('fit_min_events') }}) as min_events
    from {{ ref('persona_threshold') }}
),

eligible as (
    select feature_values.*
    from {{ ref('user_feature_values') }} as feature_values
    cross join threshold
    where
        feature_values.n_events >= threshold.min_events
        and {{ clientele.may_be_profiled('feature_values.user_sk') }}
),

{{ clientele.kept_score_ctes('eligible', 'segment_weights') }}

select * from kept_scores
