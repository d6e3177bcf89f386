{#- Grain: one reason that user_segments may give, in English, with its French. -#}

with

dictionary as (
    select * from {{ ref('segment_names') }} where reason_en is not null
),

families as (
    {{ clientele.family_names() }}
),

final as (
    select
        cast(dictionary.feature as varchar(64)) as feature,
        cast(dictionary.direction as varchar(16)) as direction,
        cast({{ clientele.with_family_names('dictionary.reason_en', 'families') }} as varchar(256)) as reason,
        cast({{ clientele.with_family_names('dictionary.reason_fr', 'families') }} as varchar(256)) as reason_fr
    from dictionary
    cross join families
)

select * from final
