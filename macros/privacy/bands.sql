{#- What a published row may say of one customer: weeks instead of times, bands instead of sums, and a habit only where
    enough customers share it. Exact values stay in core. docs/decisions/0056-weeks-and-bands.md -#}

{% macro week_of(moment) -%}
    {#- The Monday of the week, as a date. -#}
    cast({{ dbt.date_trunc('week', moment) }} as date)
{%- endmacro %}


{% macro moment_told(moment) -%}
    {#- The five minutes in which a moment lies: the newest event of a shop is one customer's, to the second. A day that
        begins at any whole quarter of an hour, as those of all time zones do, stays the same. -#}
    {%- set minutes = 'cast(floor(' ~ clientele.double('extract(minute from ' ~ moment ~ ')') ~ ' / 5) * 5 as integer)' -%}
    cast({{ dbt.dateadd('minute', minutes, dbt.date_trunc('hour', moment)) }} as timestamp)
{%- endmacro %}


{% macro weeks_of_days(days) -%}
    {#- A number of days in whole weeks, still as days: 0, 7, 14 … -#}
    cast(floor({{ clientele.double(days) }} / 7) * 7 as bigint)
{%- endmacro %}


{% macro revenue_bands() %}
    {#- The bands of a customer's revenue: where each begins, in usual orders of the shop, and its name. -#}
    {{ return([(10, 'over 10 orders'), (3, '3 to 10 orders'), (1, '1 to 3 orders'), (0, 'under 1 order')]) }}
{% endmacro %}


{% macro revenue_band(revenue, usual_order) -%}
    {#- The band of an amount. `usual_order`: what an order is worth in this shop, order_value of core.shop_priors, which is
        pinned: a band moves when the customer buys, and because of others only where that value is measured anew, as after an
        erasure of who ordered in its days. -#}
    cast(case
        when {{ revenue }} is null or {{ revenue }} <= 0 then 'none'
        {% for begins, name in clientele.revenue_bands() if begins > 0 -%}
        when {{ clientele.double(revenue) }} >= {{ begins }} * {{ clientele.double(usual_order) }} then '{{ name }}'
        {% endfor -%}
        else '{{ clientele.revenue_bands()[-1][1] }}'
    end as varchar(16))
{%- endmacro %}


{% macro order_value_told(value, usual_order) -%}
    {#- Of the ln of what an order of a customer is worth, shrunken by two usual ones, whether it is below a usual one. Of who
        has ordered once it is a function of the revenue: (revenue + 2) / 3 in usual orders is told where a revenue_band
        begins, 1, or as that of nothing, 2/3. Finer bands tell who has ordered twice by it. -#}
    case
        when {{ value }} >= ln(greatest({{ usual_order }}, 0.01)) - 1e-9 then ln(greatest({{ usual_order }}, 0.01))
        else ln(greatest({{ usual_order }}, 0.01)) + ln(2e0 / 3)
    end
{%- endmacro %}


{% macro most_orders() %}
    {#- As many orders of a customer, and the worth of as many usual ones, are counted in published sums: what is above is left
        out. So a sum moves by no more than that when the greatest spender comes or goes, and its rounding, which covers
        just that, is the same for whoever it was. docs/decisions/0059-the-greatest-spender.md -#}
    {{ return(25) }}
{% endmacro %}


{% macro most_revenue(usual_order) -%}
    {#- The same in money. Where nobody has ever ordered the usual order is 1, and there is no revenue. -#}
    {{ clientele.most_orders() }} * {{ usual_order }}
{%- endmacro %}


{% macro significant(count) -%}
    {#- A count with two significant digits: up to 99 as it is, then 100, 110 … 990, 1000, 1100 … Half a step goes up:
        engines round a half of a floating number each in a way of its own. -#}
    cast(case
        when {{ count }} < 100 then {{ count }}
        else floor({{ clientele.double(count) }} / power(10, floor(ln({{ clientele.double(count) }} + 0.5) / ln(10)) - 1) + 0.5)
            * power(10, floor(ln({{ clientele.double(count) }} + 0.5) / ln(10)) - 1)
    end as bigint)
{%- endmacro %}


{% macro shared_only(rows, columns, together, hidden, at_least=5) %}
    {#- The rows of `rows`, a CTE with `columns`, in which a habit that would single a customer out is empty. `together`:
        what somebody may know of a customer at once. `hidden`: those of it that may be emptied, the first one first: a
        value stays where at least `at_least` rows agree in all of `together`, after what was emptied before. -#}
    {%- set inner = namespace(query=rows) -%}
    {%- for emptied in hidden -%}
        {%- set query %}
    (
        select
            {% for column in columns -%}
            {% if column == emptied -%}
            case when n_alike_{{ emptied }} >= {{ at_least }} then {{ column }} end as {{ column }}
            {%- else -%}
            {{ column }}
            {%- endif -%}
            {{ ',' if not loop.last }}
            {% endfor %}
        from (
            select
                {{ columns | join(', ') }},
                count(*) over (partition by {{ together | join(', ') }}) as n_alike_{{ emptied }}
            from {{ inner.query }} as rows_{{ emptied }}
        ) as counted_{{ emptied }}
    )
        {%- endset -%}
        {%- set inner.query = query -%}
    {%- endfor %}
    select {{ columns | join(', ') }} from {{ inner.query }} as shared
{% endmacro %}
