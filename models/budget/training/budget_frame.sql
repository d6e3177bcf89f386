{#- Grain: one segment, channel and week of the declared spend, up to the day of the build, of the last two years. No
    side input declares spend yet: the table is empty. -#}

with

request as (
    select * from {{ ref('budget_request') }} where is_on
),

declared as (
    select
        cast(null as varchar(256)) as segment,
        cast(null as varchar(256)) as channel,
        cast(null as date) as week,
        cast(null as decimal(14, 4)) as spend,
        cast(null as decimal(14, 4)) as outcome
),

final as (
    select
        declared.segment,
        declared.channel,
        declared.week,
        declared.spend,
        declared.outcome
    from declared
    cross join request
    where
        declared.week is not null
        and declared.week <= request.as_of_date
        and declared.week > {{ dbt.dateadd('day', -728, 'request.as_of_date') }}
)

select * from final
