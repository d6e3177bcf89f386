{#- The vault where it is a schema of the warehouse. -#}

{% macro default__vault_database() %}{{ return(target.database) }}{% endmacro %}
