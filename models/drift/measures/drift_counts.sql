{#- Grain: one whole week (from Monday) or month, series and bin: how many customers, or events, fell into it, and how
    many of them were chosen (customers: who ordered). Kept through full refreshes, and longer than the events: it
    names nobody. Late data: every period from the first touched day on is counted again, as far as its events are
    held; so is all that is held when the SQL or a setting has changed. A period is whole once a later day has events.
    -#}
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key=['period_grain', 'period_date'],
    full_refresh=false, post_hook='{{ clientele.mark_load() }}'
) }}
-- depends_on: {{ ref('event_files') }}
{% set only_touched = is_incremental() and not flags.FULL_REFRESH and not clientele.is_built_otherwise() %}

with

{{ clientele.drift_period_ctes(only_touched) }},

{{ clientele.drift_customer_ctes() }},

{{ clientele.drift_product_ctes() }},

counted as (
    {% for series, bin in clientele.drift_visit_bins().items() %}
    select
        period_grain,
        period_date,
        '{{ series }}' as series,
        {{ bin }} as bin,
        count(*) as n,
        sum(is_buyer) as n_chosen,
        0 as value_sum,
        0 as value_squares
    from customers
    group by period_grain, period_date, {{ bin }}
    union all
    {% endfor %}
    select
        period_grain,
        period_date,
        'families' as series,
        least(family_rank, 12) as bin,
        count(*) as n,
        sum(is_buyer) as n_chosen,
        0 as value_sum,
        0 as value_squares
    from family_looks
    group by period_grain, period_date, least(family_rank, 12)
    union all
    select
        period_grain,
        period_date,
        'price_level' as series,
        {{ clientele.drift_price_bin() }} as bin,
        count(*) as n,
        sum(is_buyer) as n_chosen,
        0 as value_sum,
        0 as value_squares
    from price_looks
    group by
        period_grain,
        period_date,
        {{ clientele.drift_price_bin() }}
    union all
    select * from scalar_counts
),

final as (
    select
        cast(counted.period_grain as varchar(8)) as period_grain,
        cast(counted.period_date as date) as period_date,
        cast(counted.series as varchar(32)) as series,
        cast(counted.bin as integer) as bin,
        cast(counted.n as bigint) as n,
        cast(counted.n_chosen as bigint) as n_chosen,
        cast(counted.value_sum as double precision) as value_sum,
        cast(counted.value_squares as double precision) as value_squares
    from counted
    inner join periods
        on counted.period_grain = periods.period_grain and counted.period_date = periods.period_date
    where periods.is_counted
)

select * from final
