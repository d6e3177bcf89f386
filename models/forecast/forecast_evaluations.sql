{#- Grain: one series and measure of one forecast: how far off forecasts of earlier days were, beside the rule (the
    median of the weekday), what forecasts, and why; a series that was refused says so. -#}

with

series as (
    {{ clientele.fit_part(ref('forecast_fit_fields'), 'series', {
        'category_family': 'varchar(256)',
        'measure': 'varchar(16)',
        'forecast_source': 'varchar(16)',
        'reason': 'varchar(1024)',
        'n_origins': 'bigint',
        'wape': 'double precision',
        'wape_rule': 'double precision',
        'gain_lo': 'double precision',
        'coverage_80': 'double precision',
    }) }}
),

cards as (
    {{ clientele.fit_part(ref('forecast_fit_fields'), 'card', {'origin_date': 'varchar(10)'}) }}
),

final as (
    select
        series.fit_number,
        cast(series.model_version as varchar(64)) as model_version,
        cast(cards.origin_date as date) as origin_date,
        coalesce(series.category_family, '') as category_family,
        series.measure,
        series.forecast_source,
        series.reason,
        coalesce(series.n_origins, 0) as n_origins,
        series.wape,
        series.wape_rule,
        series.gain_lo,
        series.coverage_80
    from series
    inner join cards on series.fit_number = cards.fit_number
)

select * from final
