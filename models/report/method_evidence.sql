{#- Grain: one figure on how the champion was chosen: models compared on the next month (comparison), what personas add
    to each of them (gain), numbers of personas tried (tried), how much extreme customers decide (extremes), and how
    reliable each feature is (feature). To hundredths, as persona_evidence. Late data: built whole in each run. -#}

with

champion as (
    select fit_number, model_version from {{ ref('segment_models') }} where is_champion
),

evaluations as (
    select evaluations.*
    from {{ ref('segment_evaluations') }} as evaluations
    inner join champion on evaluations.fit_number = champion.fit_number
    where evaluations.origin = 'all' and evaluations.fold = 0 and {{ clientele.is_publishable('evaluations.n_users') }}
),

labels as (
    select feature, label, label_fr from {{ ref('feature_catalog') }}
),

figures as (
    select
        case when compared_with = '' then 'comparison' else 'gain' end as topic,
        model as item,
        metric,
        1 as item_position,
        value as figure,
        ci_lo as low,
        ci_hi as high,
        compared_with as verdict
    from evaluations
    where metric in ('auc', 'volume_r2', 'habit_r2') and ci_lo is not null
    union all
    select
        'extremes' as topic,
        model as item,
        metric,
        1 as item_position,
        value as figure,
        ci_lo as low,
        ci_hi as high,
        '' as verdict
    from evaluations
    where metric like 'without_top_1pct_%'
    union all
    select
        'tried' as topic,
        'personas' as item,
        diagnostics.metric,
        diagnostics.n_segments as item_position,
        diagnostics.value as figure,
        diagnostics.threshold as low,
        null as high,
        diagnostics.verdict
    from {{ ref('segment_diagnostics') }} as diagnostics
    inner join champion on diagnostics.fit_number = champion.fit_number
    where diagnostics.metric in ('prediction_strength', 'half_sample_ari', 'min_jaccard')
    union all
    select
        'feature' as topic,
        features.feature as item,
        'reliability' as metric,
        features.feature_position as item_position,
        features.reliability as figure,
        null as low,
        null as high,
        features.status as verdict
    from {{ ref('segment_features') }} as features
    inner join champion on features.fit_number = champion.fit_number
),

final as (
    select
        cast(figures.topic as varchar(16)) as topic,
        cast(figures.item as varchar(64)) as item,
        cast(figures.metric as varchar(64)) as metric,
        cast(figures.item_position as integer) as item_position,
        cast(figures.verdict as varchar(64)) as verdict,
        cast(round(figures.figure, 2) as double precision) as figure,
        cast(round(figures.low, 2) as double precision) as low,
        cast(round(figures.high, 2) as double precision) as high,
        cast(labels.label as varchar(256)) as label,  -- noqa: RF04
        cast(labels.label_fr as varchar(256)) as label_fr
    from figures
    left join labels on figures.item = labels.feature
)

select * from final
