{#- Grain: one user with as many events as the challenger asks for, and where its centroids put the user. Empty without
    a challenger. Late data: everybody is scored in each run in which a model waits. -#}

with

{{ clientele.persona_threshold_ctes('is_challenger') }},

features as (
    select feature_values.*
    from {{ ref('user_feature_values') }} as feature_values
    cross join threshold
    where
        feature_values.n_events >= threshold.min_events
        and {{ clientele.may_be_profiled('feature_values.user_sk') }}
),

{{ clientele.persona_score_ctes('features', 'challenger_weights') }}

select user_sk, segment_id, runner_up_segment_id, margin from persona_scores
