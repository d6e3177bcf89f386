{#- Lifecycle states: whether somebody has ever ordered comes first, then how long ago the last visit was, then the rest. -#}

{% macro lifecycle_states() %}
    {#- Every state, as code: what it says. -#}
    {{ return({
        'new_visitor': 'never ordered, first seen within new_days',
        'browser_only': 'never ordered, known for longer, still comes',
        'lapsed_visitor': 'never ordered, not seen for more than lapsed_days',
        'new_buyer': 'one order, within new_days',
        'active': 'has ordered, still comes',
        'loyal': 'loyal_orders orders or more, still comes',
        'at_risk': 'has ordered, not seen for more than at_risk_days',
        'lapsed_buyer': 'has ordered, not seen for more than lapsed_days',
    }) }}
{% endmacro %}


{% macro lifecycle_state(as_of_at) -%}
    {#- The state as of a moment, from n_orders, first_event_at, last_event_at and last_order_at. -#}
    {%- set quiet_days = dbt.datediff('last_event_at', as_of_at, 'day') -%}
    case
        when n_orders = 0 and {{ quiet_days }} > {{ clientele.setting('lapsed_days') }} then 'lapsed_visitor'
        when n_orders = 0 and {{ dbt.datediff('first_event_at', as_of_at, 'day') }} <= {{ clientele.setting('new_days') }}
            then 'new_visitor'
        when n_orders = 0 then 'browser_only'
        when {{ quiet_days }} > {{ clientele.setting('lapsed_days') }} then 'lapsed_buyer'
        when {{ quiet_days }} > {{ clientele.setting('at_risk_days') }} then 'at_risk'
        when n_orders >= {{ clientele.setting('loyal_orders') }} then 'loyal'
        when n_orders = 1 and {{ dbt.datediff('last_order_at', as_of_at, 'day') }} <= {{ clientele.setting('new_days') }}
            then 'new_buyer'
        else 'active'
    end
{%- endmacro %}


{% macro check_lifecycle_settings() %}
    {#- Thresholds that contradict each other would leave a state empty. -#}
    {%- set wrong = [] -%}
    {%- if clientele.setting('at_risk_days') >= clientele.setting('lapsed_days') -%}
        {%- do wrong.append('at_risk_days must be below lapsed_days, or nobody is ever at risk') -%}
    {%- endif -%}
    {%- if clientele.setting('new_days') > clientele.setting('lapsed_days') -%}
        {%- do wrong.append('new_days must not be above lapsed_days, or somebody is new and lapsed at once') -%}
    {%- endif -%}
    {%- if clientele.setting('loyal_orders') < 2 -%}
        {%- do wrong.append('loyal_orders must be at least 2, or a first order makes somebody loyal') -%}
    {%- endif -%}
    {%- if wrong -%}
        {{ clientele.refuse(
            'check_settings: the lifecycle vars contradict each other: ' ~ wrong | join('; ') ~ '. Change them in dbt_project.yml or in --vars.'
        ) }}
    {%- endif -%}
{% endmacro %}
