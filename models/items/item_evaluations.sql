{#- Grain: one figure of one subject of one fit: how good groups of items and imputations are, beside what they are
    compared with; a subject that was refused has a row with its reason. -#}

with

figures as (
    {{ clientele.fit_part(ref('item_fit_fields'), 'evaluation', {
        'subject': 'varchar(64)',
        'method': 'varchar(64)',
        'n_groups': 'integer',
        'metric': 'varchar(64)',
        'value': 'double precision',
    }) }}
),

heads as (
    {{ clientele.fit_part(ref('item_fit_fields'), 'head', {
        'subject': 'varchar(64)',
        'scored_by': 'varchar(16)',
        'reason': 'varchar(1024)',
    }) }}
),

final as (
    select
        heads.fit_number,
        cast(heads.model_version as varchar(64)) as model_version,
        heads.subject,
        heads.scored_by,
        heads.reason,
        figures.method,
        figures.n_groups,
        figures.metric,
        figures.value
    from heads
    left join figures on heads.fit_number = figures.fit_number and heads.subject = figures.subject
)

select * from final
