{#- The column, where it is not empty, holds codes of a list that a macro keeps: event_types, quarantine_reasons. -#}
{% test accepted_codes(model, column_name, codes) %}
{{ config(fail_calc='coalesce(sum(n_rows), 0)') }}
{%- set lists = {
    'event_types': clientele.event_types(),
    'quarantine_reasons': clientele.quarantine_reasons().keys() | list,
} -%}
{%- if codes not in lists -%}
    {{ exceptions.raise_compiler_error(
        "accepted_codes: codes is '" ~ codes ~ "', it must be " ~ lists.keys() | join(' or ')
    ) }}
{%- endif %}

select {{ column_name }} as unknown_code, count(*) as n_rows
from {{ model }}
where {{ column_name }} not in ('{{ lists[codes] | join("', '") }}')
group by {{ column_name }}

{% endtest %}
