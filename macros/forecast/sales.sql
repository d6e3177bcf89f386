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
    {%- if clientele.fit_is_due('forecast_fit_fields', 'card') -%}{{ return('true') }}{%- endif -%}
    {%- set fits = adapter.get_relation(database=target.database, schema='core', identifier='forecast_fit_fields') -%}
    {%- set newest = run_query(
        "select max(text_value) from " ~ fits ~ " where part = 'card' and field = 'origin_date'"
    ).columns[0].values()[0] -%}
    {%- if newest is none -%}{{ return('true') }}{%- endif -%}
    {{ return('as_of_date >= ' ~ dbt.dateadd('day', 6, "cast('" ~ newest ~ "' as date)")) }}
{% endmacro %}
