{#- Grain: one user who may not be profiled, under the number that core knows: the user objects to profiling, or asked
    that the data be restricted. Nothing is fitted on this user and no persona is given, while counts of events and
    orders stay whole. Read from the registers of the vault in each build; an operation writes here, too, so that it
    holds at once. -#}

with

asked as (
    select user_id from {{ clientele.register('objections') }}
    union
    select user_id from {{ clientele.register('restrictions') }}
),

final as (
    select user_keys.user_sk
    from {{ ref('user_keys') }} as user_keys
    inner join asked on user_keys.user_id = asked.user_id
)

select * from final
