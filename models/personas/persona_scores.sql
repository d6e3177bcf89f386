{#- Grain: one user with enough events for a persona, and the champion's verdict: that of the early classifier while the
    history is shorter than the length up to which it measured better, then that of the centroids. The rule depends on
    the number of events alone: without new events nobody changes the persona. -#}
{% set columns = [
    'segment_id', 'runner_up_segment_id', 'margin', 'reason_feature_1', 'is_above_mean_1', 'reason_feature_2',
    'is_above_mean_2', 'reason_feature_3', 'is_above_mean_3'
] %}

with

threshold as (
    select * from {{ ref('persona_threshold') }}
),

eligible as (
    select
        feature_values.user_sk,
        feature_values.n_events,
        feature_values.n_events < threshold.early_below_events as is_early
    from {{ ref('user_feature_values') }} as feature_values
    cross join threshold
    where feature_values.n_events >= threshold.min_events
),

final as (
    select
        eligible.user_sk,
        eligible.n_events,
        cast('centroids' as varchar(16)) as scored_by,
        {% for column in columns %}
        centroid_scores.{{ column }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from eligible
    inner join {{ ref('centroid_scores') }} as centroid_scores on eligible.user_sk = centroid_scores.user_sk
    where not eligible.is_early
    union all
    select
        eligible.user_sk,
        eligible.n_events,
        cast('early_classifier' as varchar(16)) as scored_by,
        {% for column in columns %}
        early_scores.{{ column }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from eligible
    inner join {{ ref('early_scores') }} as early_scores on eligible.user_sk = early_scores.user_sk
    where eligible.is_early
)

select * from final
