{#- No two rows agree in all of these columns. Says how often, never with which values: rows of a failed test may be
    stored (--store-failures) where raw ids must not go, so the tests of this project only count. -#}
{% test unique_combination(model, columns) %}
{{ config(fail_calc='coalesce(sum(n_combinations), 0)') }}

select n_copies, count(*) as n_combinations
from (
    select {{ columns | join(', ') }}, count(*) as n_copies
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
) as repeated
group by n_copies

{% endtest %}
