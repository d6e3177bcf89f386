{#- The seasons of core.calendar. -#}

{% macro seasons() %}
    {{ return(['promo', 'payday', 'gift']) }}
{% endmacro %}
