{#- Figures about all customers, one select each, for monitor.data_profile_figures. -#}

{% macro figure_of(topic, item, position, n_users, figure, told, largest, source) -%}
    {#- A row: what is measured, of how many customers, the figure, as it is told, and what one customer makes of that at most. -#}
    select
        '{{ topic }}' as topic,
        '{{ item }}' as item,
        {{ position }} as item_position,
        {{ n_users }} as n_users,
        {{ clientele.double(figure) }} as figure,
        {{ clientele.double(told) }} as told,
        {{ clientele.double(largest) }} as largest
    from {{ source }}
{%- endmacro %}


{% macro concentration_ctes(name, values) %}
    {#- CTEs that end in `name`, one row: of a CTE `values` with one positive `amount` a customer, its part that is `told` and
        `most`, as much as is told of one, the Gini coefficient (0: all alike, 1: one has all; Gini 1912, from the ranks)
        and the shares of the top hundredth and tenth. -#}
{{ name }}_ranked as (
    select
        amount,
        told,
        most,
        row_number() over (order by amount) as place,
        count(*) over () as n_users
    from {{ values }}
),

{{ name }} as (
    select
        max(n_users) as n_users,
        {{ clientele.double('max(most)') }} / nullif({{ clientele.double('sum(told)') }}, 0) as largest,
        {% for prefix, part in {'': 'amount', 'told_': 'told'}.items() %}
        2 * {{ clientele.double('sum(place * cast(' ~ part ~ ' as decimal(28, 4)))') }}
        / nullif(max(n_users) * {{ clientele.double('sum(' ~ part ~ ')') }}, 0)
        - ({{ clientele.double('max(n_users)') }} + 1) / nullif(max(n_users), 0) as {{ prefix }}gini,
        {% for share in [100, 10] %}
        {{ clientele.double('sum(case when place > n_users - n_users / ' ~ share ~ '.0 then ' ~ part ~ ' else 0 end)') }}
        / nullif({{ clientele.double('sum(' ~ part ~ ')') }}, 0) as {{ prefix }}top_{{ share }}{{ ',' if not loop.last }}
        {% endfor %}{{ ',' if not loop.last }}
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


{% macro known_traps_of(found) -%}
    {#- The rows of `found`, a CTE with trap, on_date, detail and figure, each with what seeds/known_traps.csv says of it. -#}
    select
        cast(found.trap as varchar(16)) as trap,
        cast(found.on_date as date) as on_date,
        cast(found.detail as varchar(600)) as detail,
        cast(found.figure as double precision) as figure,
        coalesce(known_traps.trap is not null, false) as is_known,
        cast(known_traps.note_en as varchar(512)) as note_en,
        cast(known_traps.note_fr as varchar(512)) as note_fr
    from {{ found }} as found
    left join {{ ref('known_traps') }} as known_traps
        on
            found.trap = known_traps.trap
            and (known_traps.on_date is null or found.on_date = known_traps.on_date)
            and (known_traps.figure is null or abs(found.figure - known_traps.figure) < 0.01)
            and (known_traps.detail is null or found.detail = known_traps.detail)
{%- endmacro %}
