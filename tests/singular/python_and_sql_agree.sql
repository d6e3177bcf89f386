{#- If this fails, the segments that people read are not the ones that were fitted and judged. It compares labels user
    by user on the sample; it is not a test of how good the personas are. -#}

select
    labels.user_sk,
    labels.segment_id as python_segment_id,
    scores.segment_id as sql_segment_id
from {{ ref('segment_sample_labels') }} as labels
left join {{ ref('persona_scores') }} as scores on labels.user_sk = scores.user_sk
where scores.segment_id is null or scores.segment_id != labels.segment_id
