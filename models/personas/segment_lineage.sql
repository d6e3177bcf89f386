{#- Grain: one model version and segment: where it comes from. Also segments that ended with the version. Every version
    is compared with the champion of its day; kept for ever. -#}

with

lineage as (
    {{ clientele.fit_part(ref('persona_fit_fields'), 'lineage', {
        'segment_id': 'integer',
        'change': 'varchar(256)',
        'from_segment_id': 'integer',
        'jaccard': 'double precision',
        'from_model_version': 'varchar(256)',
    }) }}
),

models as (
    select fit_number, is_champion from {{ ref('segment_models') }}
),

final as (
    select
        lineage.model_version,
        lineage.segment_id,
        lineage.change as lineage_change,
        lineage.from_model_version,
        nullif(lineage.from_segment_id, 0) as from_segment_id,
        -- hundredths: figures of this table hang on no single customer
        cast(round(lineage.jaccard, 2) as double precision) as jaccard,
        models.is_champion
    from lineage
    inner join models on lineage.fit_number = models.fit_number
)

select * from final
