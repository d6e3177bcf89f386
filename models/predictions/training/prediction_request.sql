{#- Grain: the build, one row: whether the heads about customers are to be fitted in it (prediction_fit_is_due has the
    rule), the day that it describes and how many days of history there are, in the shop's local time. -#}
-- depends_on: {{ ref('customer_visits') }}
-- depends_on: {{ ref('family_prices') }}
-- depends_on: {{ ref('product_taxonomy') }}

with

described as (
    select
        cast({{ clientele.local_time('as_of_at') }} as date) as as_of_date,
        {{ dbt.datediff('first_date', clientele.local_time('as_of_at'), 'day') }} + 1 as n_days
    from {{ ref('as_of') }}
),

final as (
    select
        cast({{ clientele.prediction_fit_is_due('n_days') }} as boolean) as is_due,
        cast({{ clientele.fit_settings(['sample_users']) }} as varchar(4096)) as fit_settings,
        as_of_date,
        cast(n_days as integer) as n_days,
        cast('{{ clientele.asked_heads() }}' as varchar(256)) as heads
    from described
)

select * from final
