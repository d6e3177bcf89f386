{#- The reference window: the shop's first reference_days days that have events. What is pinned to it (price levels,
    priors) stays as it is when new data arrives, and is built again when one of those days changes. -#}

{% macro reference_window() %}
    {#- One row (starts_on, ends_before); none when nothing in the window has changed since this model's last load. -#}
    select starts_on, ends_before
    from (
        select
            min(days.event_date) as starts_on,
            {{ dbt.dateadd('day', 1, 'max(days.event_date)') }} as ends_before
        from (
            select event_date, row_number() over (order by event_date) as place
            from {{ ref('daily_events') }}
        ) as days
        where days.place <= {{ clientele.setting('reference_days') }}
    ) as reference_days
    {% if is_incremental() %}
    where exists (
        select 1 from {{ ref('touched_days') }}
        where last_load_id > {{ clientele.taken_in() }} and event_date < reference_days.ends_before
    )
    {% endif %}
{% endmacro %}
