{#- Grain: one user who may not be profiled, under the number that core knows: the user objects to profiling, or asked
    that the data be restricted. Nothing is fitted on this user and no persona is given, while counts of events and
    orders stay whole. Read from the registers of the vault in each build. An operation writes here, too, so that it
    holds at once; and remember_objections, so that it holds for who comes later, whichever models are run. -#}

with

asked as (
    {{ clientele.asked_for_no_profile() }}
),

final as (
    select user_keys.user_sk
    from {{ ref('user_keys') }} as user_keys
    inner join asked on user_keys.user_id = asked.user_id
)

select * from final
