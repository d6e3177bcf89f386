{#- Events by day, for what is kept per day. -#}

{% macro events_of_touched_days(columns) %}
    {#- CTEs that end in `events`: event_date (UTC) and `columns` of core.events; in an incremental run those alone whose day
        has a newer load than the table has taken in. For the strategy touched_days. -#}
    {% if is_incremental() %}
touched as (
    select event_date from {{ ref('touched_days') }} where last_load_id > {{ clientele.taken_in() }}
),

    {% endif %}
events as (
    select
        cast(event_at as date) as event_date,
        {% for column in columns %}
        {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('events') }}
    {% if is_incremental() %}
    where
        event_at >= (select min(event_date) from touched)
        and event_at < (select {{ dbt.dateadd('day', 1, 'max(event_date)') }} from touched)
        and cast(event_at as date) in (select event_date from touched)
    {% endif %}
)
{% endmacro %}
