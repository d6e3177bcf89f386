{#- Grain: the build, one row: whether sales are to be forecast in it (forecast_is_due has the rule), and the day
    that it describes, in the shop's local time. -#}
-- depends_on: {{ ref('product_taxonomy') }}
-- depends_on: {{ ref('user_sessions') }}

with

described as (
    select cast({{ clientele.local_time('as_of_at') }} as date) as as_of_date
    from {{ ref('as_of') }}
),

final as (
    select
        cast({{ clientele.forecast_is_due() }} as boolean) as is_due,
        cast({{ clientele.fit_settings() }} as varchar(4096)) as fit_settings,
        as_of_date,
        cast('{{ 'on' if clientele.head_is_on('forecast') else 'off' }}' as varchar(8)) as head
    from described
)

select * from final
