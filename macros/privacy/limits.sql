{#- How much of one customer counts in a published sum. A part beyond the limit is left out (winsorised), and the sum is
    rounded to steps of the limit, which hangs on no customer. docs/decisions/0059-the-greatest-spender.md -#}

{% macro most_counted(what) %}
    {#- The limit of one customer in one cell of a table: a number, the same in every shop. -#}
    {%- set most = {
        'orders': clientele.most_orders(), 'refunds': 20, 'purchases': 20, 'sessions': 50, 'acts': 100, 'events': 500,
    } -%}
    {{ return([most[what], clientele.cell_step()] | max) }}
{% endmacro %}


{% macro counted(number, what) -%}
    {#- The part of a customer's number that counts. -#}
    case when {{ number }} > {{ clientele.most_counted(what) }} then {{ clientele.most_counted(what) }} else {{ number }} end
{%- endmacro %}


{% macro limit_ctes(of_part=false, name='limits') %}
    {#- A CTE `limits`, one row: most_revenue, as much money of a customer as counts. `of_part`: of a family or a day, where
        a customer counts with ten usual orders and not with most_orders(). -#}
    {%- set part = ' * 10 / ' ~ clientele.most_orders() if of_part else '' -%}
{{ name }} as (
    select cast({{ clientele.most_revenue('order_value') }}{{ part }} as decimal(28, 4)) as most_revenue
    from {{ ref('shop_priors') }}
)
{%- endmacro %}


{% macro counted_money(amount) -%}
    {#- The part of a customer's amount that counts, in a query that has `limits` beside it. -#}
    case when {{ amount }} > limits.most_revenue then limits.most_revenue else {{ amount }} end
{%- endmacro %}
