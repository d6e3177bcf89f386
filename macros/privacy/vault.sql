{#- Where the vault is. -#}

{% macro vault_database() %}
    {#- The vault is a database of its own on DuckDB, and a schema of the warehouse elsewhere. -#}
    {{ return(adapter.dispatch('vault_database', 'clientele')()) }}
{% endmacro %}
