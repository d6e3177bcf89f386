{% macro hypergeometric(a, b, c, z, n_terms=40, first=0) -%}
    {#- 2F1(a, b; c; z) from the first terms of its power series, Horner's way: names of columns or numbers with a point.
        What is left out shrinks with z to the power n_terms. With first=1 it begins at the next term, as a multiple of
        that. clientele.value.hypergeometric adds in the same order. -#}
    {%- for n in range(first, n_terms) -%}
    (1 + ({{ a }} + {{ n }}) * ({{ b }} + {{ n }}) / (({{ c }} + {{ n }}) * {{ n + 1 }}) * {{ z }} *
    {%- endfor %} 1e0{{ ')' * (n_terms - first) }}
{%- endmacro %}
