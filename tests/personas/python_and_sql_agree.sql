{#- If this fails, the segments that people read are not the ones that were fitted and judged. It compares the labels of
    the centroids and of the early classifier user by user on the sample; it is not a test of how good they are. A score
    of other features, or by another model, is of another build than the label and says nothing of it: `dbt build
    --select +drift` makes scores and no labels. -#}

with

labels as (
    select
        labels.user_sk,
        labels.segment_id as python_segment_id,
        centroid_scores.segment_id as sql_segment_id,
        labels.early_segment_id as python_early_segment_id,
        early_scores.segment_id as sql_early_segment_id,
        labels.model_version = centroid_scores.model_version as is_of_the_model,
        labels.early_model_version = early_scores.model_version and early_scores.features_hash = labels.features_hash
            as is_of_the_early_model
    from {{ ref('segment_sample_labels') }} as labels
    inner join {{ ref('centroid_scores') }} as centroid_scores
        on labels.user_sk = centroid_scores.user_sk and labels.features_hash = centroid_scores.features_hash
    left join {{ ref('early_scores') }} as early_scores on labels.user_sk = early_scores.user_sk
)

select *
from labels
where
    (is_of_the_model and python_segment_id != sql_segment_id)
    or (is_of_the_early_model and python_early_segment_id != sql_early_segment_id)
