{#- Grain: one fit of customer value: its card and the constants of its formulas, which are empty when there was too
    little to fit. The newest that has constants scores. -#}
{% set parameters = [
    'visit_r', 'visit_alpha', 'visit_a', 'visit_b', 'order_alpha', 'order_beta', 'orders_per_visit', 'order_level',
    'spend_p', 'spend_q', 'spend_v'
] %}

with

fits as (
    select * from {{ ref('value_models') }}
),

cards as (
    select
        fit_number,
        model_version,
        max(case when row_kind = 'card' and item = 'status' then text end) as status,
        max(case when row_kind = 'card' and item = 'reason' then text end) as reason,
        max(case when row_kind = 'card' and item = 'basis' then text end) as basis,
        max(case when row_kind = 'card' and item = 'n_users' then value end) as n_users,
        {% for parameter in parameters %}
        max(case when row_kind = 'parameter' and item = '{{ parameter }}' then value end) as {{ parameter }},
        {% endfor %}
        {% for place in range(1, 5) %}
        max(case when row_kind = 'cut_point' and item_position = {{ place }} then value end) as cut_point_{{ place }}
        {%- if not loop.last %},{% endif %}
        {% endfor %}
    from fits
    group by fit_number, model_version
),

current_fit as (
    select max(fit_number) as fit_number from cards where status = 'ok'
),

final as (
    select
        cards.fit_number,
        cast(cards.model_version as varchar(64)) as model_version,
        cast(cards.status as varchar(16)) as status,
        cards.reason,
        cast(cards.basis as varchar(16)) as basis,
        cast(cards.n_users as bigint) as n_users,
        {% for parameter in parameters %}
        cards.{{ parameter }},
        {% endfor %}
        {% for place in range(1, 5) %}
        cards.cut_point_{{ place }},
        {% endfor %}
        coalesce(cards.fit_number = current_fit.fit_number, false) as is_current
    from cards
    cross join current_fit
)

select * from final
