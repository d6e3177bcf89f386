{#- Grain: one persona (0: none yet): of the visits of its customers, how many had a product in the cart and how many an
    order. Late data: built whole in each run. -#}

with

members as (
    select
        coalesce(segments.segment_id, 0) as segment_id,
        coalesce(segments.segment_name, 'No persona yet') as segment_name,
        coalesce(segments.segment_name_fr, 'Pas encore de persona') as segment_name_fr,
        shop_users.user_sk
    from {{ ref('user_segments') }} as segments
    inner join {{ ref('users') }} as shop_users on segments.user_key = shop_users.user_key
),

visits as (
    select
        user_sk,
        count(*) as n_sessions,
        sum(case when n_carts > 0 then 1 else 0 end) as n_cart_sessions,
        sum(case when n_purchases > 0 then 1 else 0 end) as n_order_sessions
    from {{ ref('user_sessions') }}
    where not is_bot
    group by user_sk
),

final as (
    select
        cast(members.segment_id as integer) as segment_id,
        cast(max(members.segment_name) as varchar(256)) as segment_name,
        cast(max(members.segment_name_fr) as varchar(256)) as segment_name_fr,
        cast(count(*) as bigint) as n_users,
        cast(sum({{ clientele.counted('visits.n_sessions', 'sessions') }}) as bigint) as n_sessions,
        cast({{ clientele.most_counted('sessions') }} as bigint) as largest_sessions,
        cast(sum(case when visits.n_cart_sessions > 0 then 1 else 0 end) as bigint) as n_carters,
        cast(sum({{ clientele.counted('visits.n_cart_sessions', 'sessions') }}) as bigint) as n_cart_sessions,
        cast({{ clientele.most_counted('sessions') }} as bigint) as largest_cart_sessions,
        cast(sum(case when visits.n_order_sessions > 0 then 1 else 0 end) as bigint) as n_buyers,
        cast(sum({{ clientele.counted('visits.n_order_sessions', 'sessions') }}) as bigint) as n_order_sessions,
        cast({{ clientele.most_counted('sessions') }} as bigint) as largest_order_sessions
    from members
    inner join visits on members.user_sk = visits.user_sk
    group by members.segment_id
),

publishable as (
    {{ clientele.published_cells('final', keys=['segment_id']) }}
)

select * from publishable
