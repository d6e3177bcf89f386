{#- What is usual in a month. -#}

{% macro middle_day_ctes(measures) %}
    {#- CTEs `<measure>_middle`, each with a comma behind it: of each month_date of the CTE `every_day` the median of its days.
        By order and not by percentile_cont: Redshift takes one of these in a select. -#}
{% for measure in measures %}
{{ measure }}_middle as (
    select month_date, avg({{ clientele.double(measure) }}) as middle
    from (
        select
            month_date,
            {{ measure }},
            row_number() over (partition by month_date order by {{ measure }}, event_date) as place,
            count(*) over (partition by month_date) as n_days
        from every_day
    ) as placed
    where 2 * place in (n_days, n_days + 1, n_days + 2)
    group by month_date
),

{% endfor %}
{%- endmacro %}
