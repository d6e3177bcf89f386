{#- Grain: one pair of features: how they go together among the customers of the newest fit that measured it. Late data:
    told again by the next fit. -#}

with

pairs as (
    {{ clientele.fit_part(ref('persona_fit_fields'), 'correlation', {
        'feature': 'varchar(64)', 'other_feature': 'varchar(64)', 'correlation': 'double precision',
        'n_users': 'bigint',
    }) }}
),

final as (
    select fit_number, feature, other_feature, correlation, n_users
    from pairs
    where fit_number = (select max(fit_number) from pairs)
)

select * from final
