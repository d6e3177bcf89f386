{#- Grain: one event, from the shop's own table, in the columns that clientele reads. -#}
select
    happened_at as event_time,
    kind as event_type,
    article as product_id,
    cast(null as varchar(32)) as category_id,
    family as category_code,
    label as brand,
    amount as price,
    customer as user_id,
    visit as user_session
from {{ source('shop', 'raw_events') }}
