{#- A user field in any spelling: one rule in Python, clientele.intake.spellings. Only faulty lines ask for it, and of those
    the ones whose user field makes no event: on every line it would cost minutes. -#}

{% macro duckdb__readable_number(text) -%}
    case when {{ text }} != '' then clientele_readable_number({{ text }}) end
{%- endmacro %}
