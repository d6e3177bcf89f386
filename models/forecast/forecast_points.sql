{#- Grain: one day, series and measure of one forecast: what was expected, and its interval. Every forecast is kept. -#}

with

cards as (
    {{ clientele.fit_part(ref('forecast_fit_fields'), 'card', {'origin_date': 'varchar(10)'}) }}
),

-- of forecasts from one day the newest
newest as (
    select
        origin_date,
        max(fit_number) as fit_number
    from cards
    group by origin_date
),

points as (
    {{ clientele.fit_part(ref('forecast_fit_fields'), 'point', {
        'category_family': 'varchar(256)',
        'measure': 'varchar(16)',
        'sales_date': 'varchar(10)',
        'forecast': 'double precision',
        'lo_80': 'double precision',
        'hi_80': 'double precision',
        'stock_95': 'double precision',
        'season_seen': 'integer',
    }) }}
),

series as (
    {{ clientele.fit_part(ref('forecast_fit_fields'), 'series', {
        'category_family': 'varchar(256)',
        'measure': 'varchar(16)',
        'forecast_source': 'varchar(16)',
        'n_buyers': 'bigint',
        'largest': 'double precision',
    }) }}
),

final as (
    select
        points.fit_number,
        cast(points.model_version as varchar(64)) as model_version,
        cast(newest.origin_date as date) as origin_date,
        cast(points.sales_date as date) as sales_date,
        coalesce(points.category_family, '') as category_family,
        points.measure,
        points.forecast,
        points.lo_80,
        points.hi_80,
        points.stock_95,
        points.season_seen = 1 as season_seen,
        series.forecast_source,
        series.n_buyers,
        series.largest
    from points
    inner join newest on points.fit_number = newest.fit_number
    inner join series
        on
            points.fit_number = series.fit_number
            and points.measure = series.measure
            and coalesce(points.category_family, '') = coalesce(series.category_family, '')
)

select * from final
