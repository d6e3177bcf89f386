{% macro refuse(sentence) %}
    {#- Ends what was begun with a sentence for whoever called. As a compiler error dbt would print under it the macros that led
        to it, which say something of this project and nothing of what was wrong. A refused request keeps nobody out. -#}
    {%- if execute and flags.WHICH == 'run-operation' -%}{%- do clientele.release_build_lock() -%}{%- endif -%}
    {{ exceptions.raise_database_error(sentence) }}
{% endmacro %}
