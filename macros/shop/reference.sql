{#- The reference window: the shop's first reference_days days that have events. What is pinned to it (price levels,
    priors) stays as it is when new data arrives, and is built again when one of those days changes. -#}

{% macro reference_window(of_orders=false) %}
    {#- One row (starts_on, ends_before); none when nothing in the window has changed since this model's last load.
        `of_orders`: where these days hold no purchase it goes on until as many days have one, so that a shop
        that begins to sell later has a usual order as well. A day of the window that was built may be none by now. -#}
    {%- set n_days = clientele.setting('reference_days') -%}
    select starts_on, ends_before
    from (
        select
            min(days.event_date) as starts_on,
            {%- if of_orders %}
            {%- set first_days = 'case when days.place <= ' ~ n_days ~ ' then ' %}
            {%- set last_day = 'case when sum(' ~ first_days ~ 'days.n_purchases end) > 0 then max(' ~ first_days
                ~ 'days.event_date end) else max(days.event_date) end' %}
            {{ dbt.dateadd('day', 1, last_day) }} as ends_before
            {%- else %}
            {{ dbt.dateadd('day', 1, 'max(days.event_date)') }} as ends_before
            {%- endif %}
        from (
            select
                event_date,
                {% if of_orders -%}
                n_purchases,
                sum(case when n_purchases > 0 then 1 else 0 end)
                    over (order by event_date rows unbounded preceding) as place_of_sales,
                {% endif -%}
                row_number() over (order by event_date) as place
            from {{ ref('daily_events') }}
        ) as days
        where
            days.place <= {{ n_days }}
            {%- if of_orders %}
            or (days.n_purchases > 0 and days.place_of_sales <= {{ n_days }})
            {%- endif %}
    ) as reference_days
    {% if is_incremental() %}
    where (
        select min(event_date) from {{ ref('touched_days') }} where last_load_id > {{ clientele.taken_in() }}
    ) < {{ 'greatest(ends_before, (select max(ends_before) from ' ~ this ~ '))' if of_orders else 'ends_before' }}
    {% endif %}
{% endmacro %}
