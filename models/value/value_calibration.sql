{#- Grain: one figure of one look back: what a fit on the history up to an earlier day expected of the 30 days after it,
    beside what came. -#}

with

figures as (
    {{ clientele.fit_part(ref('value_fit_fields'), 'calibration', {
        'origin_date': 'varchar(10)',
        'measure': 'varchar(16)',
        'decile': 'integer',
        'actual': 'double precision',
        'expected': 'double precision',
        'ci_lo': 'double precision',
        'ci_hi': 'double precision',
        'n_users': 'bigint',
        'reason': 'varchar(512)',
    }) }}
),

refused as (
    select fit_number, model_version, reason, n_users from {{ ref('value_fits') }} where status = 'no_model'
),

final as (
    select
        figures.fit_number,
        cast(figures.model_version as varchar(64)) as model_version,
        cast(figures.origin_date as date) as origin_date,
        figures.measure,
        figures.decile,
        figures.actual,
        figures.expected,
        figures.ci_lo,
        figures.ci_hi,
        figures.n_users,
        figures.reason
    from figures
    union all
    select
        refused.fit_number,
        refused.model_version,
        cast(null as date) as origin_date,
        cast('refused' as varchar(16)) as measure,
        cast(null as integer) as decile,
        cast(null as double precision) as actual,
        cast(null as double precision) as expected,
        cast(null as double precision) as ci_lo,
        cast(null as double precision) as ci_hi,
        refused.n_users,
        cast(refused.reason as varchar(512)) as reason
    from refused
)

select * from final
