{#- Whether the build has its key: asked of the plug point. -#}

{% macro duckdb__pseudonym_key_problem() %}
    {{ return(run_query('select clientele_key_problem()').columns[0].values()[0]) }}
{% endmacro %}
