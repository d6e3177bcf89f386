{#- Grain: one head of the newest fit: what scores it (its model, a heuristic, or nothing: refused), and why. -#}

with

heads as (
    {{ clientele.fit_part(ref('prediction_fit_fields'), 'head', {
        'head': 'varchar(32)',
        'scored_by': 'varchar(16)',
        'reason': 'varchar(1024)',
    }) }}
),

newest as (
    select max(fit_number) as fit_number from heads
),

final as (
    select
        heads.fit_number,
        heads.head,
        heads.scored_by,
        heads.reason,
        cast(heads.model_version as varchar(64)) as model_version
    from heads
    inner join newest on heads.fit_number = newest.fit_number
)

select * from final
