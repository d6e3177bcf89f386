{#- Events by day, for what is kept per day. -#}

{% macro stop_without_events() %}
    {#- pre_hook of the first table that is made from events: nothing can be said of a shop in whose first delivery there are none. -#}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry'] and load_relation(this) is none
        and run_query('select 1 as n from ' ~ ref('events') ~ ' limit 1').rows | length == 0 -%}
        {%- set n_files = run_query('select count(*) from ' ~ ref('event_files')).columns[0].values()[0] -%}
        {{ clientele.refuse(
            'No event is held yet, and ' ~ n_files ~ ' file(s) were looked at: there is nothing to build from. vault.event_files and'
            ~ ' vault.quarantined_lines say what became of them. Deliver files with events, and build again.'
        ) }}
    {%- endif -%}
{% endmacro %}


{% macro events_of_touched_days(columns) %}
    {#- CTEs that end in `events`: event_date (UTC) and `columns` of core.events; in an incremental run those alone whose day
        has a newer load than the table has taken in. For the strategy touched_days. -#}
    {%- set touched -%}
    {% if is_incremental() -%}
    select event_date from {{ ref('touched_days') }} where last_load_id > {{ clientele.taken_in() }}
    {%- endif %}
    {%- endset -%}
    {{ clientele.events_of_touched('day', 'event_date', 'cast(event_at as date)', touched, columns) }}
{% endmacro %}


{% macro events_of_touched(unit, name, value, touched, columns) %}
    {#- CTEs that end in `events`: a period (`name`, of the expression `value`) and `columns` of core.events; in an incremental
        run those alone of the periods that the select `touched` has, each one `unit` long. -#}
    {% if is_incremental() %}
touched as (
    {{ touched }}
),

    {% endif %}
events as (
    select
        {{ value }} as {{ name }},
        {% for column in columns %}
        {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('events') }}
    {% if is_incremental() %}
    where
        event_at >= (select min({{ name }}) from touched)
        and event_at < (select {{ dbt.dateadd(unit, 1, 'max(' ~ name ~ ')') }} from touched)
        and {{ value }} in (select {{ name }} from touched)
    {% endif %}
)
{% endmacro %}
