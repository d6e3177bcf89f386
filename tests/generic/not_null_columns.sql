{#- None of these columns is ever empty. One scan for all of them; a failure names the columns. -#}
{% test not_null_columns(model, columns) %}
{{ config(fail_calc='coalesce(sum(n_rows), 0)') }}

with

counted as (
    select
        count(*) as n_rows,
        {% for column in columns %}count({{ column }}) as n_filled_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ model }}
)

{% for column in columns %}
select '{{ column }}' as empty_column, n_rows - n_filled_{{ loop.index }} as n_rows
from counted
where n_filled_{{ loop.index }} < n_rows
{{ 'union all' if not loop.last }}
{% endfor %}

{% endtest %}
