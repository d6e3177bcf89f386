{#- If this fails, the segments that people read are not the ones that were fitted and judged. It compares the labels of
    the centroids and of the early classifier user by user on the sample; it is not a test of how good they are. A label
    is compared when the user's features and the model are those that it was given to: `dbt build --select +drift` makes
    features and scores, and no labels. A score that is missing then differs. -#}

with

features as (
    select
        user_sk,
        n_events,
        {{ clientele.row_hash(clientele.feature_names()) }} as features_hash
    from {{ ref('user_feature_values') }}
),

labels as (
    select
        labels.user_sk,
        labels.segment_id as python_segment_id,
        centroid_scores.segment_id as sql_segment_id,
        labels.early_segment_id as python_early_segment_id,
        early_scores.segment_id as sql_early_segment_id,
        labels.model_version = coalesce(centroid_scores.model_version, labels.model_version) as is_of_the_model,
        features.n_events < threshold.mature_events
        and labels.early_model_version = coalesce(early_scores.model_version, labels.early_model_version) as is_early
    from {{ ref('segment_sample_labels') }} as labels
    inner join features on labels.user_sk = features.user_sk and labels.features_hash = features.features_hash
    cross join {{ ref('persona_threshold') }} as threshold
    left join {{ ref('centroid_scores') }} as centroid_scores on labels.user_sk = centroid_scores.user_sk
    left join {{ ref('early_scores') }} as early_scores on labels.user_sk = early_scores.user_sk
)

select *
from labels
where
    (is_of_the_model and coalesce(python_segment_id, 0) != coalesce(sql_segment_id, 0))
    or (is_early and coalesce(python_early_segment_id, 0) != coalesce(sql_early_segment_id, 0))
