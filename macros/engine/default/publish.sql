{#- Publishing where an engine has no way of its own: said, and left. -#}

{% macro default__publish_marts(marts, tests, statements) %}
    {{ print('published files are written by the DuckDB target only') }}
{% endmacro %}
