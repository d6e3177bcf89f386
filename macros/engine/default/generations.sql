{#- One database holds the vault and the warehouse, so a snapshot has both of one moment. -#}

{% macro default__next_generation() %}{% endmacro %}
