{#- Grain: one principal component and feature: the share of variance that the component explains and the feature's
    loading, among the customers of the newest fit that measured it. Late data: told again by the next fit. -#}

with

parts as (
    {{ clientele.fit_part(ref('persona_fit_fields'), 'component', {
        'component': 'integer', 'feature': 'varchar(64)', 'loading': 'double precision',
        'explained_share': 'double precision', 'n_users': 'bigint',
    }) }}
),

newest as (
    select max(fit_number) as fit_number from parts
),

final as (
    select
        parts.fit_number,
        parts.component,
        parts.feature,
        parts.loading,
        parts.explained_share,
        parts.n_users
    from parts
    inner join newest on parts.fit_number = newest.fit_number
)

select * from final
