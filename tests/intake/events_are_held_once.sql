{#- Breaks when one event is counted twice: then visits, orders and revenue of its user are too high, and the same
    files in another order give other segments. Looks at whole users, about a million events of them, because a
    look at all would cost as much as the load. Not a count of what was removed (monitor does that). -#}
with

sample_size as (
    select cast(floor(count(*) / 1000000.0) as bigint) + 1 as one_user_in from {{ ref('events') }}
),

sampled as (
    select events.*
    from {{ ref('events') }} as events
    cross join sample_size
    where mod(events.user_sk, sample_size.one_user_in) = 0
),

repeated as (
    select
        user_sk,
        count(*) as n_copies
    from sampled
    group by {{ clientele.event_columns().keys() | join(', ') }}
    having count(*) > 1
)

select * from repeated
