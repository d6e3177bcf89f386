{#- Grain: one pair of features: how they go together among the customers of the newest fit that measured it. Late data:
    told again by the next fit. -#}

with

pairs as (
    {{ clientele.fit_part(ref('persona_fit_fields'), 'correlation', {
        'feature': 'varchar(64)', 'other_feature': 'varchar(64)', 'correlation': 'double precision',
        'n_users': 'bigint',
    }) }}
),

newest as (
    select max(fit_number) as fit_number from pairs
),

final as (
    select
        pairs.fit_number,
        pairs.feature,
        pairs.other_feature,
        pairs.correlation,
        pairs.n_users
    from pairs
    inner join newest on pairs.fit_number = newest.fit_number
)

select * from final
