{#- Lifecycle states: rules over recency, tenure and orders. -#}

{% macro lifecycle_state(as_of_at) -%}
    {#- The rules (RFM) that the personas are measured against: from recency, tenure and orders alone. -#}
    case
        when {{ dbt.datediff('last_event_at', as_of_at, 'day') }} > {{ clientele.setting('lapsed_days') }} then 'lapsed'
        when {{ dbt.datediff('last_event_at', as_of_at, 'day') }} > {{ clientele.setting('at_risk_days') }} then 'at_risk'
        when n_orders >= {{ clientele.setting('loyal_orders') }} then 'loyal'
        when {{ dbt.datediff('first_event_at', as_of_at, 'day') }} <= {{ clientele.setting('new_days') }} then 'new'
        when n_orders = 0 then 'browser_only'
        else 'active'
    end
{%- endmacro %}
