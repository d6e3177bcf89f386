{#- If this fails, the segments that people read are not the ones that were fitted and judged. It compares the labels of
    the centroids and of the early classifier user by user on the sample; it is not a test of how good they are. -#}

with

labels as (
    select
        labels.user_sk,
        labels.segment_id as python_segment_id,
        centroid_scores.segment_id as sql_segment_id,
        labels.early_segment_id as python_early_segment_id,
        early_scores.segment_id as sql_early_segment_id,
        user_feature_values.n_events < threshold.mature_events as is_early
    from {{ ref('segment_sample_labels') }} as labels
    inner join {{ ref('user_feature_values') }} as user_feature_values on labels.user_sk = user_feature_values.user_sk
    cross join {{ ref('persona_threshold') }} as threshold
    left join {{ ref('centroid_scores') }} as centroid_scores on labels.user_sk = centroid_scores.user_sk
    left join {{ ref('early_scores') }} as early_scores on labels.user_sk = early_scores.user_sk
)

select *
from labels
where
    coalesce(python_segment_id, 0) != coalesce(sql_segment_id, 0)
    or (is_early and coalesce(python_early_segment_id, 0) != coalesce(sql_early_segment_id, 0))
