{#- What may be told of the catalogue, by the rule of told.sql. -#}

{% macro told_catalogue_ctes() %}
    {#- CTEs that end in `told_months`: of each month (UTC) what the catalogue looked like, as far as customers share it. -#}
products as (
    select * from {{ ref('described_products') }} where {{ clientele.is_publishable('n_users') }}
),

priced as (
    select
        products.*,
        max(shared_price) over (partition by month_date) as shop_price,
        lag(family) over (partition by product_id order by month_date) as family_before  -- noqa: RF04
    from products
),

catalogue as (
    select
        month_date,
        count(*) as n_products,
        max(shop_price) as highest_price,
        sum(case when shared_price = shop_price then 1 else 0 end) as n_products_at_highest_price,
        sum(case when family_before != family then 1 else 0 end) as n_products_moved
    from priced
    group by month_date
),

spans as (
    select
        attribute,
        value_text,
        min(month_date) as first_month_date,
        {{ dbt.dateadd('month', 1, 'max(month_date)') }} as gone_month_date
    from {{ ref('described_values') }}
    where {{ clientele.is_publishable('n_users') }}
    group by attribute, value_text
),

seen_months as (
    select month_date, min(month_date) over () as first_month_date from {{ ref('data_profile_months') }}
),

told_months as (
    select
        seen_months.month_date,
        max(catalogue.n_products) as n_products,
        max(catalogue.highest_price) as highest_price,
        max(catalogue.n_products_at_highest_price) as n_products_at_highest_price,
        max(catalogue.n_products_moved) as n_products_moved,
        {% for attribute in ['category_code', 'brand'] %}
        sum(case
            when
                spans.attribute = '{{ attribute }}' and spans.first_month_date = seen_months.month_date
                and seen_months.month_date > seen_months.first_month_date
                then 1
            else 0
        end) as n_{{ attribute }}s_new,
        sum(case when spans.attribute = '{{ attribute }}' and spans.gone_month_date = seen_months.month_date then 1 else 0 end)
            as n_{{ attribute }}s_vanished{{ ',' if not loop.last }}
        {% endfor %}
    from seen_months
    left join catalogue on seen_months.month_date = catalogue.month_date
    left join spans
        on seen_months.month_date = spans.first_month_date or seen_months.month_date = spans.gone_month_date
    group by seen_months.month_date
)
{%- endmacro %}
