{#- Grain: one fit of customer value: its card and the constants of its formulas, which are empty when there was too
    little to fit. Which one scores is decided as for every kind of model (macros/registry/standing.sql). -#}
{% set parameters = [
    'visit_r', 'visit_alpha', 'visit_a', 'visit_b', 'order_alpha', 'order_beta', 'orders_per_visit', 'order_level',
    'spend_p', 'spend_q', 'spend_v'
] %}
{% set cut_points = ['cut_point_1', 'cut_point_2', 'cut_point_3', 'cut_point_4'] %}

with

cards as (
    {{ clientele.fit_part(ref('value_fit_fields'), 'card', {
        'status': 'varchar(16)',
        'reason': 'varchar(4096)',
        'basis': 'varchar(16)',
        'n_users': 'bigint',
    }) }}
),

constants as (
    {% set fields = {} -%}
    {%- for name in parameters + cut_points %}{% do fields.update({name: 'double precision'}) %}{% endfor -%}
    {{ clientele.fit_part(ref('value_fit_fields'), 'constants', fields) }}
),

judged as (
    select
        cards.*,
        case when cards.status = 'ok' then 'proven' else 'none' end as model_status,
        -- nothing else says more of these customers than a fit on them does: each one that is possible scores
        case when cards.status = 'ok' then 'passed' end as gate,
        cards.reason as gate_reason
    from cards
),

{{ clientele.standing_ctes('judged') }},

final as (
    select
        standing.fit_number,
        cast(standing.model_version as varchar(64)) as model_version,
        standing.status,
        standing.reason,
        standing.basis,
        standing.n_users,
        cast(standing.decision as varchar(16)) as decision,
        {% for name in parameters + cut_points %}
        constants.{{ name }},
        {% endfor %}
        standing.is_champion as is_current
    from standing
    left join constants on standing.fit_number = constants.fit_number
)

select * from final
