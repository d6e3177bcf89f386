{#- Grain: one user with at least min_events events, and the champion's verdict. Scored whole in each run: a changed
    champion must never leave a mixture, and a pass over all users takes seconds. -#}

with

features as (
    select * from {{ ref('user_feature_values') }} where n_events >= {{ clientele.setting('min_events') }}
),

{{ clientele.persona_score_ctes('features') }}

select * from persona_scores
