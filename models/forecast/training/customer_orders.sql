{#- Grain: one customer who may be profiled, day (the shop's local time) with a purchase and series: the whole shop
    (category_family empty), or one of its first twelve category families. An order is what a customer buys in a
    day. Bots left out. Built whole: it is read from purchases alone. -#}

with

{{ clientele.human_event_ctes() }},

request as (
    select as_of_date from {{ ref('forecast_request') }}
),

purchases as (
    select
        human_events.user_sk,
        cast({{ clientele.local_time('human_events.event_at') }} as date) as sales_date,
        case
            when product_taxonomy.family_rank between 1 and {{ clientele.n_prediction_families() }}
                then product_taxonomy.category_family
        end as category_family,
        coalesce(human_events.quantity, 1) as n_units,
        {{ clientele.line_value() }} as revenue
    from human_events
    left join {{ ref('product_taxonomy') }} as product_taxonomy
        on human_events.product_id = product_taxonomy.product_id
    where human_events.event_type = 'purchase' and {{ clientele.may_be_profiled('human_events.user_sk') }}
),

by_series as (
    select user_sk, sales_date, '' as category_family, n_units, revenue
    from purchases
    union all
    select user_sk, sales_date, category_family, n_units, revenue
    from purchases
    where category_family is not null
),

final as (
    select
        by_series.user_sk,
        by_series.sales_date,
        cast(by_series.category_family as varchar(256)) as category_family,
        cast(sum(by_series.n_units) as decimal(28, 3)) as n_units,
        cast(sum(by_series.revenue) as decimal(28, 4)) as revenue
    from by_series
    cross join request
    where by_series.sales_date <= request.as_of_date
    group by by_series.user_sk, by_series.sales_date, by_series.category_family
)

select * from final
