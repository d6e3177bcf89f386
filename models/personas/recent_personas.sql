{#- Grain: one user with a persona and a history longer than change_days: the persona that the last change_days alone
    speak for, by the rows that score a history of so many events, and how sure that is. It is nobody's persona, for
    the whole window is steadier; but it says first that a habit is changing. Late data: built whole in each run, from
    features that are kept. -#}

with

threshold as (
    select * from {{ ref('persona_threshold') }}
),

eligible as (
    select
        recent_values.*,
        threshold.min_events,
        recent_values.n_events < threshold.early_below_events as is_early
    from {{ ref('recent_feature_values') }} as recent_values
    inner join {{ ref('persona_scores') }} as persona_scores on recent_values.user_sk = persona_scores.user_sk
    cross join threshold
    where {{ clientele.may_be_profiled('recent_values.user_sk') }}
),

long_enough as (
    select * from eligible where not is_early
),

short as (
    select * from eligible where is_early
),

{{ clientele.persona_verdict_ctes('long_enough', 'segment_weights', 'champion') }},

{{ clientele.persona_verdict_ctes('short', 'early_weights', 'early') }},

verdicts as (
    select user_sk, segment_id, margin from champion_verdicts
    union all
    select user_sk, segment_id, margin from early_verdicts
),

final as (
    select
        verdicts.user_sk,
        eligible.n_events,
        cast(verdicts.segment_id as integer) as segment_id,
        verdicts.margin,
        confidence.confidence
    from verdicts
    inner join eligible on verdicts.user_sk = eligible.user_sk
    inner join {{ ref('segment_confidence') }} as confidence
        on
            eligible.n_events >= confidence.n_events_lo
            and (eligible.n_events < confidence.n_events_hi or confidence.n_events_hi is null)
            and verdicts.margin >= confidence.margin_lo
            and (verdicts.margin < confidence.margin_hi or confidence.margin_hi is null)
    -- without a study of short histories the confidence knows nothing of their length
    where confidence.basis = 'short_histories' or eligible.n_events >= eligible.min_events
)

select * from final
