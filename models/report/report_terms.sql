{#- Grain: one row: the settings and the day that the pages explain their words with. Late data: built whole in each
    run. -#}

select
    cast(as_of_at as date) as as_of_date,
    {% for setting in ['new_days', 'at_risk_days', 'lapsed_days', 'loyal_orders', 'fit_min_events', 'min_cell_users'] %}
    cast({{ clientele.setting(setting) }} as integer) as {{ setting }},
    {% endfor %}
    cast(nullif('{{ clientele.setting('currency') }}', 'none') as varchar(16)) as currency
from {{ ref('as_of') }}
