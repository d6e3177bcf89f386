{#- Customers by value tier and lifecycle state: of each persona, and of the shop. -#}

{% macro state_ctes(keys, labels=[]) %}
    {#- CTEs that end in `final`: a row per `keys` and group of customers, all, one value tier or one lifecycle state. The
        shop's groups are counted from customers, never added up from cells that may be shown. -#}
{{ clientele.limit_ctes() }},

members as (
    select
        coalesce(segments.segment_id, 0) as segment_id,
        coalesce(segments.segment_name, 'No persona yet') as segment_name,
        coalesce(segments.segment_name_fr, 'Pas encore de persona') as segment_name_fr,
        segments.lifecycle_state,
        segments.confidence,
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
        {% for key in keys %}
        cast({{ key }} as integer) as {{ key }},
        {% endfor %}
        {% for label in labels %}
        cast(max({{ label }}) as varchar(256)) as {{ label }},
        {% endfor %}
        cast('{{ dimension }}' as varchar(16)) as dimension,
        cast({{ column }} as varchar(16)) as group_code,
        cast(count(*) as bigint) as n_users,
        cast(sum(case when n_orders > 0 then 1 else 0 end) as bigint) as n_buyers,
        cast(sum({{ clientele.counted('n_orders', 'orders') }}) as bigint) as n_orders,
        cast({{ clientele.most_counted('orders') }} as bigint) as largest_orders,
        cast(sum({{ clientele.counted_money('revenue') }}) as decimal(28, 4)) as revenue,
        max(limits.most_revenue) as largest_revenue,
        {{ clientele.double('sum(' ~ clientele.exact('value_score') ~ ')') }} / nullif(count(value_score), 0) as order_chance,
        {{ clientele.double('max(value_score)') }} / nullif(count(value_score), 0) as largest_chance,
        cast(count(confidence) as bigint) as n_told,
        1 - {{ clientele.double('sum(' ~ clientele.exact('confidence') ~ ')') }} / nullif(count(confidence), 0) as doubt,
        {{ clientele.double('max(1 - confidence)') }} / nullif(count(confidence), 0) as largest_doubt
    from members
    cross join limits
    group by {{ (keys + [column]) | join(', ') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)
{% endmacro %}
