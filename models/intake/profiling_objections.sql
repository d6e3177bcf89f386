{#- Grain: one user who objects to profiling, under the number that core knows: nothing is fitted on this user and no
    persona is given, while counts of events and orders stay whole. Read from vault.objections anew in each build. -#}

with

objections as (
    select user_id from {{ clientele.register('objections') }}
),

final as (
    select user_keys.user_sk
    from {{ ref('user_keys') }} as user_keys
    inner join objections on user_keys.user_id = objections.user_id
)

select * from final
