{#- Grain: one persona (0: none yet) and lifecycle state for which seeds/playbook.csv has a measure: what it is worth, from
    figures that are published, so that nothing here says more than they do. Gains are the playbook's, a hypothesis until
    an experiment has measured them. Late data: built whole in each run. -#}
{% set texts = [] %}
{% for text in ['aim', 'channel', 'message', 'offer', 'price', 'success'] %}
{% do texts.extend([text ~ '_en', text ~ '_fr']) %}
{% endfor %}

with

states as (
    select * from {{ ref('persona_states') }}
),

playbook as (
    select * from {{ ref('playbook') }}
),

shop as (
    select
        {{ clientele.double('sum(revenue)') }} / nullif(sum(n_orders), 0) as order_value,
        sum(order_chance * n_users) / nullif(sum(case when order_chance is not null then n_users end), 0) as order_chance
    from states
    where dimension = 'all'
),

personas as (
    select
        segment_id,
        {{ clientele.double('revenue') }} / nullif(n_orders, 0) as order_value
    from states
    where dimension = 'all'
),

bases as (
    select
        states.segment_id,
        states.segment_name,
        states.segment_name_fr,
        states.group_code as lifecycle_state,
        states.n_users,
        playbook.measure,
        playbook.cost_share,
        playbook.margin_share,
        playbook.gain_low,
        playbook.gain,
        playbook.gain_high,
        {% for text in texts %}
        playbook.{{ text }},
        {% endfor %}
        {{ clientele.double('states.n_users') }} as n_double,
        coalesce(personas.order_value, shop.order_value) as order_value,
        least(greatest(coalesce(states.order_chance, shop.order_chance), 0.001), 0.999) as order_chance
    from states
    inner join playbook on states.group_code = playbook.lifecycle_state
    inner join personas on states.segment_id = personas.segment_id
    cross join shop
    where states.dimension = 'lifecycle'
),

-- 2.8 standard errors: a difference that is seen in four of five experiments, at 5 %
judged as (
    select
        bases.*,
        2.8 * sqrt(bases.order_chance * (1 - bases.order_chance) * 4 / bases.n_double) as smallest_effect,
        4 * power(2.8 / bases.gain, 2) * bases.order_chance * (1 - bases.order_chance)
        / bases.n_double as needed_part
    from bases
),

final as (
    select
        segment_id,
        segment_name,
        segment_name_fr,
        lifecycle_state,
        cast(measure as varchar(32)) as measure,
        n_users,
        cast(round(order_value, 2) as double precision) as order_value,
        cast(round(order_chance, 4) as double precision) as order_chance,
        cast(margin_share as double precision) as margin_share,
        cast(gain as double precision) as gain,
        cast(round(cost_share / margin_share, 4) as double precision) as break_even_gain,
        cast(round(n_double * order_value * cost_share, 0) as double precision) as total_cost,
        {% for place in ['low', '', 'high'] %}
        {% set gain = 'gain' ~ ('_' ~ place if place else '') %}
        cast(round(n_double * order_value * ({{ gain }} * margin_share - cost_share), 0) as double precision)
            as {{ 'worth' ~ ('_' ~ place if place else '') }},
        {% endfor %}
        cast(round(smallest_effect, 4) as double precision) as smallest_effect,
        cast(case when needed_part <= 1 then round((1 - sqrt(1 - needed_part)) / 2, 2) end as double precision) as holdout_share,
        cast('hypothesis' as varchar(16)) as evidence,
        {% for text in texts %}
        cast({{ text }} as varchar(256)) as {{ text }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from judged
)

select * from final
