{#- Grain: one user with enough events for a persona or for the fit, and where the champion's centroids put the user.
    Scored whole in each run: a changed champion must never leave a mixture, and a pass over all users takes seconds.
-#}

with

threshold as (
    select least(min_events, {{ clientele.setting('fit_min_events') }}) as min_events
    from {{ ref('persona_threshold') }}
),

features as (
    select feature_values.*
    from {{ ref('user_feature_values') }} as feature_values
    cross join threshold
    where
        feature_values.n_events >= threshold.min_events
        and {{ clientele.may_be_profiled('feature_values.user_sk') }}
),

{{ clientele.persona_score_ctes('features', 'segment_weights') }}

select * from persona_scores
