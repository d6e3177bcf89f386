{#- Grain: one customer with a session that is not a bot's, who does not object to profiling, kind of list (again,
    new) and rank from 1 to 3. Built whole: what is popular moves with as_of, and what a shop
    suppresses, or has none of by its newest count, is in no list. Nobody is without a list. Made in slices of
    customers, as each has a hundred neighbours of products. -#}
{{ config(meta={'slices_of': 'product_visits'}) }}

with

request as (
    select as_of_date from {{ ref('prediction_request') }}
),

origins as (
    select *
    from ({{ clientele.recommendation_origins() }}) as all_origins
    where days_back = 0
),

gate as (
    select new_source from {{ ref('recommendation_gate') }}
),

counted as (
    select
        stock.product_id,
        stock.units,
        row_number() over (partition by stock.product_id order by stock.stock_date desc) as place
    from {{ ref('stock') }} as stock
    inner join request on stock.stock_date <= request.as_of_date
),

unavailable as (
    select product_id from {{ ref('suppressed_products') }}
    union
    select product_id from counted
    where place = 1 and units <= 0
),

visits as (
    select product_visits.*
    from {{ ref('product_visits') }} as product_visits
    where
        product_visits.days_back = 0
        and product_visits.product_id not in (select unavailable.product_id from unavailable)
),

-- nobody is asked where the popular products make the list
neighbours as (
    select product_neighbours.*
    from {{ ref('product_neighbours') }} as product_neighbours
    inner join gate on gate.new_source = 'neighbours'
    where
        product_neighbours.days_back = 0
        and product_neighbours.neighbour_id not in (select unavailable.product_id from unavailable)
),

bought as (
    select customer_purchases.*
    from {{ ref('customer_purchases') }} as customer_purchases
    where customer_purchases.product_id not in (select unavailable.product_id from unavailable)
),

asked as (
    select
        0 as days_back,
        user_sk
    from {{ ref('prediction_features') }}
    where
        {{ clientele.in_this_slice('user_sk') }}
        and {{ 'true' if clientele.head_is_on('recommendations') else 'false' }}
),

wanted as (
    select 'again' as kind
    union all
    select 'new_' || new_source as kind from gate
),

{{ clientele.recommendation_ctes('bought', 'origins', 'asked', 'visits', 'neighbours', 'wanted') }},

customers as (
    select user_sk, user_key from {{ ref('users') }}
),

final as (
    select
        customers.user_key,
        cast(substring(listed.kind, 1, case when listed.kind = 'again' then 5 else 3 end) as varchar(8)) as kind,
        cast(listed.list_place as integer) as list_rank,
        listed.product_id,
        cast(catalogue.product_name as varchar(256)) as product_name,
        cast(product_taxonomy.category_family as varchar(256)) as category_family,
        cast(product_taxonomy.brand as varchar(256)) as brand,
        {{ clientele.round_to_step('listed.score', '0.01') }} as score,
        cast(listed.source as varchar(16)) as list_source,
        cast(listed.because_of as bigint) as because_of,
        request.as_of_date
    from listed
    cross join request
    inner join customers on listed.user_sk = customers.user_sk
    left join {{ ref('product_taxonomy') }} as product_taxonomy on listed.product_id = product_taxonomy.product_id
    left join {{ ref('catalogue') }} as catalogue on listed.product_id = catalogue.product_id
)

select * from final
