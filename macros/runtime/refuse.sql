{% macro refuse(sentence) %}
    {#- Ends what was begun with a sentence for whoever called. As a compiler error dbt would print under it the macros that led
        to it, which say something of this project and nothing of what was wrong. -#}
    {{ exceptions.raise_database_error(sentence) }}
{% endmacro %}
