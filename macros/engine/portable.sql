{#- Small differences between the engines, and arithmetic that gives the same digits in any order of rows. -#}

{% macro utc_now() %}
    {#- The moment of the statement, or that of the var clock. For the ledger, and for what says that nothing has come: no other
        model reads the clock. -#}
    {%- set clock = clientele.setting('clock') -%}
    {%- if clock != 'now' -%}{{- return("cast('" ~ clock ~ "' as timestamp)") -}}{%- endif -%}
    {{- return(adapter.dispatch('utc_now', 'clientele')()) -}}
{% endmacro %}


{% macro quoted(name) -%}
    {#- A name as SQL takes it, whatever is in it. -#}
    {{- return('"' ~ name | replace('"', '""') ~ '"') -}}
{%- endmacro %}


{% macro median(value) -%}
    cast(percentile_cont(0.5) within group (order by {{ value }}) as double precision)
{%- endmacro %}


{% macro quartile(number, value) %}
    {{- return(adapter.dispatch('quartile', 'clientele')(number, value)) -}}
{% endmacro %}


{% macro exact(expression) -%}
    {#- A float as a fixed-point number with nine decimals. Sums of floats depend on the order in which threads
        deliver rows; sums of these do not, so two builds are identical. -#}
    cast(round({{ expression }}, 9) as decimal(18, 9))
{%- endmacro %}


{% macro double(expression) -%}
    cast({{ expression }} as double precision)
{%- endmacro %}


{% macro share_logit(part, whole, a, b) -%}
    {#- ln((x + a) / (n - x + b)): a share as a logit, shrunken towards a / (a + b) with the weight of a + b trials. -#}
    ln(({{ clientele.double(part) }} + {{ a }}) / ({{ clientele.double(whole) }} - {{ clientele.double(part) }} + {{ b }}))
{%- endmacro %}


{% macro seconds_between(start, finish) -%}
    {{ dbt.datediff(start, finish, 'second') }}
{%- endmacro %}


{% macro local_time(event_at) -%}
    {%- set minutes = (clientele.setting('utc_offset_hours') * 60) | int -%}
    {{ event_at if minutes == 0 else dbt.dateadd('minute', minutes, event_at) }}
{%- endmacro %}


{% macro row_hash(columns) %}
    {#- A bigint from several columns: rows that differ have the same one about once in 10^19 pairs. For tables that
        need equality it only finds the candidates. -#}
    {{- return(adapter.dispatch('row_hash', 'clientele')(columns)) -}}
{% endmacro %}


{% macro same(left_alias, right_alias, columns) -%}
    {#- Equality of columns in which NULL equals NULL. -#}
    {% for column in columns -%}
        (
            {{ left_alias }}.{{ column }} = {{ right_alias }}.{{ column }}
            or ({{ left_alias }}.{{ column }} is null and {{ right_alias }}.{{ column }} is null)
        )
        {{- ' and ' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{% macro as_flag(condition) -%}
    {#- A condition that a planner does not guess. DuckDB takes a comparison with a value of another table for one that leaves
        next to nothing, and then holds every event in memory to find the few customers that it expects. -#}
    coalesce({{ condition }}, false)
{%- endmacro %}


{% macro in_this_slice(key) %}
    {#- A condition: the row belongs to the slice that is being made of a table with meta slices_of. `key`: a bigint that is
        spread like a hash. -#}
    {{- return(adapter.dispatch('in_this_slice', 'clientele')(key)) -}}
{% endmacro %}
