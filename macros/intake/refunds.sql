{#- Lines that give money back. By default they are quarantined; with the var refunds: keep each is a line of the kind `refund`,
    and never an event. docs/decisions/0101-refunds-beside-events.md -#}

{% macro keeps_refunds() %}
    {{ return(clientele.setting('refunds') == 'keep') }}
{% endmacro %}


{% macro kept_kinds() -%}
    {#- Kinds of line of which something is kept under a pseudonym. -#}
    ('event', 'refund')
{%- endmacro %}


{% macro is_refund(lines) -%}
    {#- A condition on typed lines: a word for a refund, or a purchase that is below zero by its price or by its quantity. Both
        below zero say neither. -#}
    {%- if clientele.keeps_refunds() -%}
    coalesce({{ lines }}.event_type = 'refund' or (
        {{ lines }}.event_type = 'purchase' and ({{ lines }}.price < 0) != (coalesce({{ lines }}.quantity, 1) < 0)
    ), false)
    {%- else -%}
    false
    {%- endif -%}
{%- endmacro %}


{% macro is_bad_quantity(lines) -%}
    {#- A condition on typed lines: a quantity is written and is none. -#}
    ({{ lines }}.quantity_text is not null and trim({{ lines }}.quantity_text) != '' and (
        coalesce({{ lines }}.quantity, 0) = 0{{ ' or ' ~ lines ~ '.quantity < 0 and not ' ~ clientele.is_refund(lines) }}
    ))
{%- endmacro %}


{% macro of_refund(column, value, refund) -%}
    {#- A column of a judged line, and what it is in a refund: its amounts are those that were given back, above zero. -#}
    {%- if clientele.keeps_refunds() -%}
    case when judged.is_refund then {{ refund }} else {{ value }} end as {{ column }}
    {%- else -%}
    {{ value }}{{ ' as ' ~ column if value != 'judged.' ~ column }}
    {%- endif -%}
{%- endmacro %}
