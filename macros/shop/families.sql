{#- The category families that have features of their own, and their names. -#}

{% macro n_families() %}
    {{ return(5) }}
{% endmacro %}


{% macro family_names() %}
    {#- One row: the names of the numbered category families, as a select for a CTE; see with_family_names. -#}
    select
        {% for rank in range(1, clientele.n_families() + 1) -%}
        coalesce(max(case when family_rank = {{ rank }} then replace(category_family, '_', ' ') end), 'family {{ rank }}')
            as family_{{ rank }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('family_prices') }}
{% endmacro %}


{% macro with_family_names(text, families) -%}
    {#- `text` with {family_1} and so on replaced by the columns of `families`, a CTE of family_names(). -#}
    {%- set filled = namespace(text=text) -%}
    {%- for rank in range(1, clientele.n_families() + 1) -%}
        {%- set filled.text = "replace(" ~ filled.text ~ ", '{family_" ~ rank ~ "}', " ~ families ~ ".family_" ~ rank ~ ")" -%}
    {%- endfor -%}
    {{ filled.text }}
{%- endmacro %}
