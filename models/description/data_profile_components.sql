{#- Grain: one principal component and feature: the share of variance that the component explains and the feature's
    loading, among the customers of the newest fit that measured it. Late data: told again by the next fit. -#}

with

parts as (
    {{ clientele.fit_part(ref('persona_fit_fields'), 'component', {
        'component': 'integer', 'feature': 'varchar(64)', 'loading': 'double precision',
        'explained_share': 'double precision', 'n_users': 'bigint',
    }) }}
),

final as (
    select fit_number, component, feature, loading, explained_share, n_users
    from parts
    where fit_number = (select max(fit_number) from parts)
)

select * from final
