{#- Grain: one persona (0: none yet) and path through a visit: what its customers did in it, and how many of their
    visits went so. A visit is known by the kinds of its events, whatever their number. Late data: built whole in each
    run. -#}

with

members as (
    select
        shop_users.user_sk,
        coalesce(segments.segment_id, 0) as segment_id,
        coalesce(segments.segment_name, 'No persona yet') as segment_name,
        coalesce(segments.segment_name_fr, 'Pas encore de persona') as segment_name_fr
    from {{ ref('user_segments') }} as segments
    inner join {{ ref('users') }} as shop_users on segments.user_key = shop_users.user_key
),

visits as (
    select
        user_sk,
        case
            when n_purchases > 0 and n_carts > 0 and n_views > 0 then 'look_cart_order'
            when n_purchases > 0 and n_carts > 0 then 'cart_order'
            when n_purchases > 0 and n_views > 0 then 'look_order'
            when n_purchases > 0 then 'order'
            when n_removes > 0 and n_removes >= n_carts then 'cart_emptied'
            when n_carts > 0 then 'cart_left'
            when n_views > 1 then 'look'
            else 'glance'
        end as visit_path
    from {{ ref('user_sessions') }}
    where not is_bot
),

by_customer as (
    select
        members.segment_id,
        members.segment_name,
        members.segment_name_fr,
        visits.visit_path,
        visits.user_sk,
        count(*) as n_sessions
    from visits
    inner join members on visits.user_sk = members.user_sk
    group by
        members.segment_id,
        members.segment_name,
        members.segment_name_fr,
        visits.visit_path,
        visits.user_sk
),

cells as (
    select
        segment_id,
        visit_path,
        max(segment_name) as segment_name,
        max(segment_name_fr) as segment_name_fr,
        count(*) as n_users,
        sum({{ clientele.counted('n_sessions', 'sessions') }}) as n_sessions
    from by_customer
    group by segment_id, visit_path
),

final as (
    select
        cast(segment_id as integer) as segment_id,
        cast(segment_name as varchar(256)) as segment_name,
        cast(segment_name_fr as varchar(256)) as segment_name_fr,
        cast(visit_path as varchar(16)) as visit_path,
        cast(n_users as bigint) as n_users,
        cast(n_sessions as bigint) as n_sessions,
        cast({{ clientele.most_counted('sessions') }} as bigint) as largest_sessions,
        {{ clientele.double('n_sessions') }} / sum(n_sessions) over (partition by segment_id) as session_share,
        {{ clientele.double(clientele.most_counted('sessions')) }} / sum(n_sessions) over (partition by segment_id)
            as largest_share
    from cells
),

publishable as (
    {{ clientele.published_cells('final', keys=['segment_id', 'visit_path'], within=['segment_id']) }}
)

select * from publishable
