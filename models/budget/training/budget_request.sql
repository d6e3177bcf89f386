{#- Grain: the build, one row: whether a budget is asked for, and the day that it describes, in the shop's local
    time. -#}

with

final as (
    select
        cast({{ 'true' if clientele.head_is_on('budget') else 'false' }} as boolean) as is_on,
        cast({{ clientele.local_time('as_of_at') }} as date) as as_of_date
    from {{ ref('as_of') }}
)

select * from final
