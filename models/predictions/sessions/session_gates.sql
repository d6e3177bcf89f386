{#- Grain: one criterion of the model of sessions of one fit; the criterion `verdict` says what scores, and why. A
    head that is refused has the verdict alone. -#}

with

criteria as (
    {{ clientele.fit_part(ref('session_fit_fields'), 'gate', {
        'head': 'varchar(32)',
        'criterion': 'varchar(64)',
        'compared_with': 'varchar(32)',
        'bar': 'double precision',
        'value': 'double precision',
        'ci_lo': 'double precision',
        'ci_hi': 'double precision',
        'outcome': 'varchar(16)',
        'reason': 'varchar(1024)',
    }) }}
),

final as (
    select
        criteria.fit_number,
        criteria.head,
        criteria.criterion,
        criteria.compared_with,
        criteria.bar,
        criteria.value,
        criteria.ci_lo,
        criteria.ci_hi,
        criteria.outcome,
        criteria.reason
    from criteria
)

select * from final
