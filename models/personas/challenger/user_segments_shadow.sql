{#- Grain: one user with as many events as the challenger asks for, and what it says beside the champion: the newest
    model that does not score, before anybody decides. Empty without a challenger. -#}

with

persona_scores as (
    select user_sk, segment_id, runner_up_segment_id, margin from {{ ref('challenger_scores') }}
),

users as (
    select user_sk, user_key from {{ ref('users') }}
),

champion_scores as (
    select user_sk, segment_id from {{ ref('persona_scores') }}
),

versions as (
    select
        max(case when is_challenger then model_version end) as model_version,
        max(case when is_champion then model_version end) as champion_model_version
    from {{ ref('segment_models') }}
),

final as (
    select
        users.user_key,
        persona_scores.segment_id,
        persona_scores.runner_up_segment_id,
        {{ clientele.round_to_step('persona_scores.margin', 0.1) }} as margin,
        champion_scores.segment_id as champion_segment_id,
        versions.model_version,
        versions.champion_model_version
    from persona_scores
    inner join users on persona_scores.user_sk = users.user_sk
    cross join versions
    left join champion_scores on persona_scores.user_sk = champion_scores.user_sk
)

select * from final
