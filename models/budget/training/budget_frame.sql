{#- Grain: one segment, channel and week of the declared spend, up to the day of the build, of the last two years. Empty
    where none is declared. -#}

with

request as (
    select * from {{ ref('budget_request') }} where is_on
),

declared as (
    select * from {{ ref('channel_spend') }}
),

final as (
    select
        declared.segment,
        declared.channel,
        declared.week,
        {{ clientele.double('declared.spend') }} as spend,
        {{ clientele.double('declared.outcome') }} as outcome
    from declared
    cross join request
    where
        declared.week <= request.as_of_date
        and declared.week > {{ dbt.dateadd('day', -728, 'request.as_of_date') }}
)

select * from final
