{#- Grain: one category code, family or brand of the files: its first and its last month. New after the shop's first
    month, vanished before its last. Late data: built whole from a table that is kept by month. -#}

with

products as (
    select * from {{ ref('described_products') }}
),

whole as (
    select min(month_date) as first_month_date, max(month_date) as last_month_date from products
),

named as (
    {% for attribute in ['category_code', 'family', 'brand'] %}
    select
        '{{ attribute }}' as attribute,  -- noqa: RF04
        {{ attribute }} as value_text,
        month_date,
        product_id,
        n_events
    from products
    where {{ attribute }} is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

spans as (
    select
        attribute,
        value_text,
        min(month_date) as first_month_date,
        max(month_date) as last_month_date,
        count(distinct month_date) as n_months,
        count(distinct product_id) as n_products,
        sum(n_events) as n_events
    from named
    group by attribute, value_text
),

final as (
    select
        cast(spans.attribute as varchar(16)) as attribute,  -- noqa: RF04
        cast(spans.value_text as varchar(256)) as value_text,
        spans.first_month_date,
        spans.last_month_date,
        cast(spans.n_months as bigint) as n_months,
        cast(spans.n_products as bigint) as n_products,
        cast(spans.n_events as bigint) as n_events,
        coalesce(spans.first_month_date > whole.first_month_date, false) as is_new,
        coalesce(spans.last_month_date < whole.last_month_date, false) as has_vanished
    from spans
    cross join whole
)

select * from final
