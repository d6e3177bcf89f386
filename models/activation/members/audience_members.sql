{#- Grain: one active audience and customer in it, since the build that last added the customer. Late data: built whole
    in each run, from the changes. -#}

with

told as (
    select
        audience,
        user_key,
        change_kind,
        as_of_date,
        row_number() over (partition by audience, user_key order by change_number desc nulls last) as place
    from {{ ref('audience_changes') }}
),

final as (
    select
        audience,
        user_key,
        as_of_date as since_date
    from told
    where place = 1 and change_kind = 'added'
)

select * from final
