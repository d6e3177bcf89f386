{#- A line's identity while its file is being taken in, and its number in the file. -#}

{% macro line_id(lines) %}
    {{- return(adapter.dispatch('line_id', 'clientele')(lines)) -}}
{% endmacro %}


{% macro line_numbers(line_ids) %}
    {#- line_id and line_number (1 is the header) of the lines in `line_ids`, a CTE with the column line_id. -#}
    {{- return(adapter.dispatch('line_numbers', 'clientele')(line_ids)) -}}
{% endmacro %}
