{#- Grain: one day, series (the whole shop or a category family) and measure of one forecast, with what came once
    the day is over. Forecasts of earlier builds stay. Series of fewer customers than the smallest cell are left
    out, and numbers are rounded to what one customer can make of them. Late data: what came is joined in each
    run. -#}

with

points as (
    select * from {{ ref('forecast_points') }}
),

sales as (
    {% for measure in clientele.forecast_measures() %}
    select
        sales_date,
        category_family,
        '{{ measure }}' as measure,
        {% if measure == 'n_orders' %}
        {{ clientele.double('n_orders') }} as actual,
        {{ clientele.double(clientele.cell_step()) }} as largest,
        {% else %}
        {{ clientele.double('told_' ~ measure) }} as actual,
        {{ clientele.double('largest_' ~ measure) }} as largest,
        {% endif %}
        n_orders
    from {{ ref('daily_sales') }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

request as (
    select as_of_date from {{ ref('forecast_request') }}
),

cells as (
    select
        points.origin_date,
        points.sales_date,
        cast(case when points.category_family = '' then 'shop' else 'family' end as varchar(8)) as series,
        cast(nullif(points.category_family, '') as varchar(256)) as category_family,
        points.measure,
        points.n_buyers,
        points.forecast,
        points.lo_80,
        points.hi_80,
        points.stock_95,
        -- one customer makes no more of a forecast than of a day, and of an end of the interval as much more as that is
        points.largest as largest_forecast,
        points.largest * greatest((1 + points.stock_95) / (1 + points.forecast), 1) as largest_end,
        cast(sales.n_orders as bigint) as n_buyers_of_day,
        sales.actual,
        sales.largest as largest_actual,
        points.season_seen,
        points.forecast_source,
        points.model_version
    from points
    cross join request
    left join sales
        on
            points.sales_date = sales.sales_date
            and points.category_family = sales.category_family
            and points.measure = sales.measure
            and points.sales_date <= request.as_of_date
),

publishable as (
    {{ clientele.published_cells(
        'cells', keys=['origin_date', 'sales_date', 'category_family', 'measure'],
        within=['origin_date', 'sales_date', 'measure']
    ) }}
)

select * from publishable
