{#- The vault is a database file of its own. -#}

{% macro duckdb__vault_database() %}{{ return('vault') }}{% endmacro %}
