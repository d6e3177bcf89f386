{#- From texts to values, on every engine alike. -#}

{% macro utc_timestamp(text) %}
    {{- return(adapter.dispatch('utc_timestamp', 'clientele')(text)) -}}
{% endmacro %}


{% macro whole_number(text) %}
    {{- return(adapter.dispatch('whole_number', 'clientele')(text)) -}}
{% endmacro %}


{% macro decimal_number(text) %}
    {{- return(adapter.dispatch('decimal_number', 'clientele')(text)) -}}
{% endmacro %}
