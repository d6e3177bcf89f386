{#- Grain: one lifecycle state for which seeds/playbook.csv has a measure, of all customers and of each persona (0:
    none yet): what it is worth, from figures that are published, so that nothing here says more than they do. Gains
    are the playbook's, a hypothesis until an experiment has measured them: then the newest one that is over says
    them. Late data: built whole in each run. -#}
{% set texts = [] %}
{% for text in ['aim', 'channel', 'message', 'offer', 'price', 'success'] %}
{% do texts.extend([text ~ '_en', text ~ '_fr']) %}
{% endfor %}

with

-- counted from customers, not added up from cells
shop as (
    select
        {{ clientele.double('revenue') }} / nullif(n_orders, 0) as order_value,
        order_chance
    from {{ ref('shop_states') }}
    where dimension = 'all'
),

states as (
    select
        'shop' as scope,
        cast(null as integer) as segment_id,
        'All customers' as segment_name,
        'Tous les clients' as segment_name_fr,
        dimension,
        group_code,
        n_users,
        n_orders,
        revenue,
        order_chance
    from {{ ref('shop_states') }}
    union all
    select
        'persona' as scope,
        segment_id,
        segment_name,
        segment_name_fr,
        dimension,
        group_code,
        n_users,
        n_orders,
        revenue,
        order_chance
    from {{ ref('persona_states') }}
),

playbook as (
    select * from {{ ref('playbook') }}
),

personas as (
    select
        coalesce(segment_id, -2) as of_whom,
        {{ clientele.double('revenue') }} / nullif(n_orders, 0) as order_value
    from states
    where dimension = 'all'
),

bases as (
    select
        states.scope,
        states.segment_id,
        states.segment_name,
        states.segment_name_fr,
        states.group_code as lifecycle_state,
        states.n_users,
        playbook.measure,
        playbook.cost_share,
        playbook.margin_share,
        coalesce(results.gain_low, playbook.gain_low) as gain_low,
        coalesce(results.gain, playbook.gain) as gain,
        coalesce(results.gain_high, playbook.gain_high) as gain_high,
        results.gain is not null as is_measured,
        {% for text in texts %}
        playbook.{{ text }},
        {% endfor %}
        {{ clientele.double('states.n_users') }} as n_double,
        coalesce(personas.order_value, shop.order_value) as order_value,
        least(greatest(coalesce(states.order_chance, shop.order_chance), 0.001), 0.999) as order_chance
    from states
    inner join playbook on states.group_code = playbook.lifecycle_state
    left join {{ ref('experiment_gains') }} as results on playbook.measure = results.playbook_measure
    left join personas on coalesce(states.segment_id, -2) = personas.of_whom
    cross join shop
    where states.dimension = 'lifecycle'
),

final as (
    select
        cast(scope as varchar(16)) as scope,
        segment_id,
        cast(segment_name as varchar(256)) as segment_name,
        cast(segment_name_fr as varchar(256)) as segment_name_fr,
        lifecycle_state,
        cast(measure as varchar(32)) as measure,
        n_users,
        {{ clientele.worth_columns() }},
        {% for text in texts %}
        cast({{ text }} as varchar(256)) as {{ text }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from bases
)

select * from final
