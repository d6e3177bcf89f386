{#- Grain: one model version and segment: where it comes from. Also segments that ended with the version. Every version
    is compared with the champion of its day; kept for ever. -#}

with

lineage as (
    select
        model_version,
        fit_number,
        segment_id,
        item as lineage_change,
        item_position as from_segment_id,
        value as jaccard,
        compared_with
    from {{ ref('segment_fits') }}
    where row_kind = 'lineage'
),

models as (
    select fit_number, is_champion from {{ ref('segment_models') }}
),

final as (
    select
        lineage.model_version,
        cast(lineage.segment_id as integer) as segment_id,
        lineage.lineage_change,
        nullif(lineage.compared_with, '') as from_model_version,
        cast(nullif(lineage.from_segment_id, 0) as integer) as from_segment_id,
        -- hundredths: figures of this table hang on no single customer
        cast(round(lineage.jaccard, 2) as double precision) as jaccard,
        models.is_champion
    from lineage
    inner join models on lineage.fit_number = models.fit_number
)

select * from final
