{#- The smallest group that a published table may speak of, in one place. -#}

{% macro is_publishable(n_users) -%}
    {#- Whether a group of `n_users` (an expression) is large enough: the var min_cell_users. -#}
    {{ n_users }} >= {{ clientele.setting('min_cell_users') }}
{%- endmacro %}
