{#- What holds for a table, in one node: dbt's own work on a test takes longer than most of these queries.

    keys: lists of columns in which no two rows agree; {columns: [...], where: ...} for a key of some of the rows.
    not_null: columns that are never empty.
    codes: {column: list}; the column is empty or holds a code of a list that a macro keeps.
    expressions: true of every row; unknown (NULL) counts as false: an expression says what it means for an empty value.

    A failure says what is broken and how often (macros/runtime/runs.sql prints it), never with which values: rows of a
    failed test may be stored (--store-failures) where raw ids must not go. All but the keys is one scan. -#}
{% test valid_rows(model, keys=[], not_null=[], codes={}, expressions=[]) %}
{{ config(fail_calc='coalesce(sum(n_rows), 0)') }}
{%- set lists = {
    'event_types': clientele.event_types(),
    'lifecycle_states': clientele.lifecycle_states().keys() | list,
    'quarantine_reasons': clientele.quarantine_reasons().keys() | list,
} -%}
{%- set checks = [] -%}
{%- for column in not_null -%}{%- do checks.append((column ~ ' is not null', column ~ ' is not null')) -%}{%- endfor -%}
{%- for column, codes_of in codes.items() -%}
    {%- if codes_of not in lists -%}
        {{ clientele.refuse(
            "valid_rows: the codes of " ~ column ~ " are '" ~ codes_of ~ "', they must be "
            ~ lists.keys() | join(' or ')
        ) }}
    {%- endif -%}
    {%- do checks.append((
        column ~ ' is one of the ' ~ codes_of | replace('_', ' '),
        column ~ " is null or " ~ column ~ " in ('" ~ lists[codes_of] | join("', '") ~ "')",
    )) -%}
{%- endfor -%}
{%- for expression in expressions -%}{%- do checks.append((expression, expression)) -%}{%- endfor -%}
{%- set selects = [] %}

{% if checks -%}
with

counted as (
    select
        {% for _, condition in checks -%}
        sum(case when {{ condition }} then 0 else 1 end) as n_broken_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ model }}
)
{%- endif %}

{% for name, _ in checks -%}
    {%- do selects.append(
        "select '" ~ name | trim | replace("'", "''") ~ "' as broken, n_broken_" ~ loop.index ~ " as n_rows"
        ~ " from counted where n_broken_" ~ loop.index ~ " > 0"
    ) -%}
{%- endfor -%}
{%- for key in keys -%}
    {%- set columns = (key['columns'] if key is mapping else key) | join(', ') -%}
    {%- set rows = model ~ (" where " ~ key['where'] if key is mapping else "") -%}
    {%- do selects.append(
        "select '" ~ columns ~ " is unique' as broken, sum(n_copies - 1) as n_rows from (\n"
        ~ "    select count(*) as n_copies from " ~ rows ~ " group by " ~ columns ~ " having count(*) > 1\n"
        ~ ") as repeated_" ~ loop.index ~ " having count(*) > 0"
    ) -%}
{%- endfor -%}
{{ selects | join('\nunion all\n') }}

{% endtest %}
