{#- Figures about all customers, one select each, for monitor.data_profile_figures. -#}

{% macro figure_of(topic, item, position, n_users, figure, largest, source) -%}
    {#- A row: what is measured, of how many customers, the figure, and what one customer makes of it at most. -#}
    select
        '{{ topic }}' as topic,
        '{{ item }}' as item,
        {{ position }} as item_position,
        {{ n_users }} as n_users,
        {{ clientele.double(figure) }} as figure,
        {{ clientele.double(largest) }} as largest
    from {{ source }}
{%- endmacro %}


{% macro concentration_ctes(name, values) %}
    {#- CTEs that end in `name`, one row: of a CTE `values` with one positive `amount` a customer, the Gini coefficient
        (0: all alike, 1: one has all; Gini 1912, from the ranks) and the shares of the top hundredth and tenth. -#}
{{ name }}_ranked as (
    select
        amount,
        row_number() over (order by amount) as place,
        count(*) over () as n_users
    from {{ values }}
),

{{ name }} as (
    select
        max(n_users) as n_users,
        {{ clientele.double('max(amount)') }} / nullif({{ clientele.double('sum(amount)') }}, 0) as largest,
        2 * {{ clientele.double('sum(place * cast(amount as decimal(28, 4)))') }} / nullif(max(n_users) * {{ clientele.double('sum(amount)') }}, 0)
        - ({{ clientele.double('max(n_users)') }} + 1) / nullif(max(n_users), 0) as gini,
        {% for share in [100, 10] %}
        {{ clientele.double('sum(case when place > n_users - n_users / ' ~ share ~ '.0 then amount else 0 end)') }}
        / nullif({{ clientele.double('sum(amount)') }}, 0) as top_{{ share }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ name }}_ranked
)
{%- endmacro %}


{% macro described_counts() %}
    {#- What core.described_days counts of events. -#}
    {{ return([
        'n_events', 'n_without_category_id', 'n_without_category_code', 'n_without_brand', 'n_without_session',
        'n_without_price', 'n_with_quantity',
    ]) }}
{% endmacro %}


{% macro trap(name, on_date, figure, source, condition, detail="''") -%}
    {#- Rows of monitor.data_profile_traps: where `condition` holds of `source`. -#}
    select
        '{{ name }}' as trap,
        {{ on_date }} as on_date,
        {{ clientele.double(figure) }} as figure,
        {{ detail }} as detail
    from {{ source }}
    where {{ condition }}
{%- endmacro %}
