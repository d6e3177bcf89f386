{#- Every one of these boolean expressions is true of every row; unknown (NULL) counts as false, so an expression says
    what it means for an empty value. One scan for all of them; a failure names the expressions. -#}
{% test expressions_hold(model, expressions) %}
{{ config(fail_calc='coalesce(sum(n_rows), 0)') }}

with

counted as (
    select
        {% for expression in expressions -%}
        sum(case when {{ expression }} then 0 else 1 end) as n_broken_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ model }}
)

{% for expression in expressions %}
select '{{ expression | replace("'", "''") }}' as expression, n_broken_{{ loop.index }} as n_rows
from counted
where n_broken_{{ loop.index }} > 0
{{ 'union all' if not loop.last }}
{% endfor %}

{% endtest %}
