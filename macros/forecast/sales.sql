{#- The shop's daily sales, and when they are forecast. -#}

{% macro forecast_days() %}
    {#- Days ahead. -#}
    {{ return(28) }}
{% endmacro %}


{% macro forecast_measures() %}
    {#- What is forecast: columns of core.daily_sales. -#}
    {{ return(['n_orders', 'n_units', 'revenue']) }}
{% endmacro %}


{% macro forecast_is_due() %}
    {#- SQL: whether sales are to be forecast in this build: as for every model (fit_is_due), and a week after the newest
        forecast. An expression of as_of_date. -#}
    {%- if not clientele.head_is_on('forecast') -%}{{ return('false') }}{%- endif -%}
    {{ return(clientele.dated_fit_is_due('forecast_fit_fields', 6)) }}
{% endmacro %}
