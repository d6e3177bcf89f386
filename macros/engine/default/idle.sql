{#- A mark is a file of the home, which only DuckDB's target has: elsewhere each build looks at everything. -#}

{% macro default__note_build() %}{% endmacro %}
