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

-- 2.8 standard errors: a difference that is seen in four of five experiments, at 5 %
judged as (
    select
        bases.*,
        2.8 * sqrt(bases.order_chance * (1 - bases.order_chance) * 4 / bases.n_double) as smallest_effect,
        4 * power(2.8 / nullif(bases.gain, 0), 2) * bases.order_chance * (1 - bases.order_chance)
        / bases.n_double as needed_part
    from bases
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
        cast(round(order_value, 2) as double precision) as order_value,
        cast(round(order_chance, 4) as double precision) as order_chance,
        cast(margin_share as double precision) as margin_share,
        cast(gain as double precision) as gain,
        cast(round(cost_share / margin_share, 4) as double precision) as break_even_gain,
        cast({{ clientele.two_digits('(n_double * order_value * cost_share)') }} as double precision) as total_cost,
        {% for place in ['low', '', 'high'] %}
        {% set gain = 'gain' ~ ('_' ~ place if place else '') %}
        cast(
            {{ clientele.two_digits('(n_double * order_value * (' ~ gain ~ ' * margin_share - cost_share))') }}
            as double precision
        )
            as {{ 'worth' ~ ('_' ~ place if place else '') }},
        {% endfor %}
        cast(round(smallest_effect, 4) as double precision) as smallest_effect,
        cast(case when needed_part <= 1 then round((1 - sqrt(1 - needed_part)) / 2, 2) end as double precision)
            as holdout_share,
        cast(case when is_measured then 'measured' else 'hypothesis' end as varchar(16)) as evidence,
        {% for text in texts %}
        cast({{ text }} as varchar(256)) as {{ text }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from judged
)

select * from final
