{#- Grain: one customer and stay with a persona, the current one included: core.persona_stays under the pseudonym, with
    names. By months, never by days. Late data: built whole in each run. -#}

with

stays as (
    select * from {{ ref('persona_stays') }}
),

users as (
    select user_sk, user_key from {{ ref('users') }}
),

segments as (
    select user_key, value_tier, lifecycle_state from {{ ref('user_segments') }}
),

labels as (
    select segment_id, segment_name, segment_name_fr from {{ ref('segment_labels') }}
),

final as (
    select
        users.user_key,
        stays.stay_number,
        stays.segment_id,
        cast(labels.segment_name as varchar(256)) as segment_name,
        cast(labels.segment_name_fr as varchar(256)) as segment_name_fr,
        stays.previous_segment_id,
        stays.entered_date,
        stays.entered_by,
        stays.left_date,
        stays.left_by,
        coalesce(stays.left_date is null, false) as is_current,
        case when stays.left_date is null then segments.value_tier end as value_tier,
        cast(
            case when stays.left_date is null then segments.lifecycle_state else stays.lifecycle_state end
            as varchar(16)
        ) as lifecycle_state,
        cast(stays.model_version as varchar(32)) as model_version
    from stays
    inner join users on stays.user_sk = users.user_sk
    inner join segments on users.user_key = segments.user_key
    left join labels on stays.segment_id = labels.segment_id
)

select * from final
