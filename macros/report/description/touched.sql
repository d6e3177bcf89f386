{#- Months whose events have changed, and the strategy of what is kept per month. -#}

{% macro touched_months() %}
    {#- A select: months (month_date) with a day that has a newer load than this table has taken in. -#}
    select distinct cast({{ dbt.date_trunc('month', 'event_date') }} as date) as month_date
    from {{ ref('touched_days') }}
    where last_load_id > {{ clientele.taken_in(this.identifier) }}
{% endmacro %}


{% macro events_of_touched_months(columns) %}
    {#- CTEs that end in `events`: month_date and `columns` of core.events; in an incremental run those alone whose month has a
        newer load than the table has taken in. For the strategy touched_months. -#}
    {%- set month_date = 'cast(' ~ dbt.date_trunc('month', 'event_at') ~ ' as date)' %}
    {% if is_incremental() %}
touched as (
    {{ clientele.touched_months() }}
),

    {% endif %}
events as (
    select
        {{ month_date }} as month_date,
        {% for column in columns %}
        {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('events') }}
    {% if is_incremental() %}
    where
        event_at >= (select min(month_date) from touched)
        and event_at < (select {{ dbt.dateadd('month', 1, 'max(month_date)') }} from touched)
        and {{ month_date }} in (select month_date from touched)
    {% endif %}
)
{% endmacro %}


{% macro get_incremental_touched_months_sql(arg_dict) %}
    {%- set touched -%}month_date in ({{ clientele.touched_months() }}){%- endset -%}
    {{- clientele._replace_rows(arg_dict, touched) -}}
{% endmacro %}
