{#- Cells of customers who are alike, and how many customers an experiment needs. -#}

{% macro experiment_cell(days, n_orders) -%}
    {#- A customer's cell: days since the last visit × number of orders so far. -#}
    case
        when {{ days }} <= 7 then 0
        when {{ days }} <= 30 then 10
        when {{ days }} <= 90 then 20
        else 30
    end + cast(least({{ n_orders }}, 3) as integer)
{%- endmacro %}


{% macro power_z() %}
    {#- Standard normal quantiles of a two-sided test at 5 % and of a power of 80 %, together: 1.959964 + 0.841621. -#}
    {{ return('2.801585') }}
{% endmacro %}


{% macro ratio_alarm_chi2(n_arms) -%}
    {#- Above it the chi-squared statistic of the ratio of so many arms has a p-value below 0.001. -#}
    case {{ n_arms }} when 2 then 10.828 when 3 then 13.816 when 4 then 16.266 when 5 then 18.467 else 20.515 end
{%- endmacro %}


{% macro measured_by_name(measure) -%}
    {#- The value of the measure that a column names, over the sessions of a group. -#}
    case {{ measure }}
        {%- for name, one in clientele.experiment_measures().items() %}
        when '{{ name }}' then cast({{ one.sql }} as decimal(28, 4))
        {%- endfor %}
    end
{%- endmacro %}


{% macro winsor_cap(value, place, total) -%}
    {#- The 99th percentile: the largest value that one in a hundred reaches. `place`: how many have that value or more. -#}
    max(case when {{ place }} > 0.01 * {{ total }} then {{ value }} end)
{%- endmacro %}


{% macro winsorised(value, cap, measure) -%}
    {#- Revenue counts up to the 99th percentile, unless fewer than one in a hundred have any; other measures as they are. -#}
    case when {{ measure }} = 'revenue' and {{ cap }} > 0 then least({{ value }}, {{ cap }}) else {{ value }} end
{%- endmacro %}


{% macro moment_sums(y, x) -%}
    {#- What every estimate is made from. Fixed-point numbers: the same sums in any order of rows. -#}
    sum({{ y }}) as sum_y,
    sum(cast({{ y }} * {{ y }} as decimal(38, 8))) as sum_yy,
    sum({{ x }}) as sum_x,
    sum(cast({{ x }} * {{ x }} as decimal(38, 8))) as sum_xx,
    sum(cast({{ y }} * {{ x }} as decimal(38, 8))) as sum_xy
{%- endmacro %}
