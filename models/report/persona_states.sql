{#- Grain: one persona (0: none yet) and group of its customers: all of them, one value tier, or one lifecycle state. Late
    data: built whole in each run. -#}

with

members as (
    select
        coalesce(segments.segment_id, 0) as segment_id,
        coalesce(segments.segment_name, 'No persona yet') as segment_name,
        coalesce(segments.segment_name_fr, 'Pas encore de persona') as segment_name_fr,
        segments.lifecycle_state,
        coalesce(cast(segments.value_tier as varchar(16)), 'none') as value_tier,
        cast('all' as varchar(16)) as everybody,
        feature_values.n_orders,
        feature_values.revenue,
        customer_values.value_score
    from {{ ref('user_segments') }} as segments
    inner join {{ ref('users') }} as shop_users on segments.user_key = shop_users.user_key
    inner join {{ ref('user_feature_values') }} as feature_values on shop_users.user_sk = feature_values.user_sk
    left join {{ ref('customer_values') }} as customer_values on shop_users.user_sk = customer_values.user_sk
),

final as (
    {% for dimension, column in {'all': 'everybody', 'value_tier': 'value_tier', 'lifecycle': 'lifecycle_state'}.items() %}
    select
        cast(segment_id as integer) as segment_id,
        cast(max(segment_name) as varchar(256)) as segment_name,
        cast(max(segment_name_fr) as varchar(256)) as segment_name_fr,
        cast('{{ dimension }}' as varchar(16)) as dimension,
        cast({{ column }} as varchar(16)) as group_code,
        cast(count(*) as bigint) as n_users,
        cast(sum(case when n_orders > 0 then 1 else 0 end) as bigint) as n_buyers,
        cast(sum(n_orders) as bigint) as n_orders,
        cast(max(n_orders) as bigint) as largest_orders,
        cast(sum(revenue) as decimal(18, 4)) as revenue,
        cast(max(revenue) as decimal(18, 4)) as largest_revenue,
        {{ clientele.double('sum(' ~ clientele.exact('value_score') ~ ')') }} / count(value_score) as order_chance
    from members
    group by segment_id, {{ column }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

publishable as (
    {{ clientele.published_cells(
        'final', keys=['segment_id', 'dimension', 'group_code'], within=['segment_id', 'dimension']
    ) }}
)

select * from publishable
