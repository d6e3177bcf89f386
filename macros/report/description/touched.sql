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
    {%- set month_date = 'cast(' ~ dbt.date_trunc('month', 'event_at') ~ ' as date)' -%}
    {%- set touched = clientele.touched_months() if is_incremental() -%}
    {{ clientele.events_of_touched('month', 'month_date', month_date, touched, columns) }}
{% endmacro %}


{% macro get_incremental_touched_months_sql(arg_dict) %}
    {%- set touched -%}month_date in ({{ clientele.touched_months() }}){%- endset -%}
    {{- clientele._replace_rows(arg_dict, touched) -}}
{% endmacro %}
