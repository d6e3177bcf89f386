{#- Grain: one origin (30, 60 or 90 days before the day after the build's), kind of list and way to make it: of the
    customers who ordered within thirty days, how many bought one of the three products in their next order. The
    popular products of then are the way that has to be beaten. Late data: built whole in each run. -#}

with

request as (
    select * from {{ ref('prediction_request') }}
),

origins as (
    {% for days_back in [30, 60, 90] %}
    select
        {{ days_back }} as days_back,
        cast({{ dbt.dateadd('day', 1 - days_back, 'as_of_date') }} as date) as origin_date
    from request
    where n_days >= {{ 30 + days_back }} and {{ 'true' if clientele.head_is_on('recommendations') else 'false' }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

bought as (
    select * from {{ ref('customer_purchases') }}
),

next_days as (
    select
        origins.days_back,
        bought.user_sk,
        min(bought.local_date) as next_date
    from bought
    inner join origins
        on
            bought.local_date >= origins.origin_date
            and bought.local_date < {{ dbt.dateadd('day', 30, 'origins.origin_date') }}
    group by origins.days_back, bought.user_sk
),

{{ clientele.recommendation_ctes('bought', 'origins', 'next_days') }},

lists as (
    select
        days_back,
        user_sk,
        product_id,
        kind,
        'published' as list_source
    from listed
    union all
    select
        next_days.days_back,
        next_days.user_sk,
        charts.product_id,
        'again' as kind,
        'popular' as list_source
    from next_days
    inner join charts on next_days.days_back = charts.days_back and charts.place <= {{ clientele.list_length() }}
),

met as (
    select
        lists.days_back,
        lists.kind,
        lists.list_source,
        lists.user_sk,
        max(case when bought.user_sk is null then 0 else 1 end) as is_hit
    from lists
    inner join next_days on lists.days_back = next_days.days_back and lists.user_sk = next_days.user_sk
    left join bought
        on
            lists.user_sk = bought.user_sk
            and lists.product_id = bought.product_id
            and next_days.next_date = bought.local_date
    group by lists.days_back, lists.kind, lists.list_source, lists.user_sk
),

counted as (
    select
        met.days_back,
        met.kind,
        met.list_source,
        count(*) as n_users,
        sum(met.is_hit) as n_hits,
        -- who has bought before: the others' list of products to buy again is one of popular ones
        sum(case when own_counts.n_own > 0 then 1 else 0 end) as n_buyers,
        sum(case when own_counts.n_own > 0 then met.is_hit else 0 end) as n_buyer_hits
    from met
    left join own_counts on met.days_back = own_counts.days_back and met.user_sk = own_counts.user_sk
    group by met.days_back, met.kind, met.list_source
),

final as (
    select
        origins.origin_date,
        cast(counted.kind as varchar(8)) as kind,
        cast(counted.list_source as varchar(16)) as list_source,
        cast(counted.n_users as bigint) as n_users,
        {{ clientele.double('counted.n_hits') }} / counted.n_users as hit_rate,
        cast(counted.n_buyers as bigint) as n_buyers,
        {{ clientele.double('counted.n_buyer_hits') }} / nullif(counted.n_buyers, 0) as buyer_hit_rate
    from counted
    inner join origins on counted.days_back = origins.days_back
)

select * from final
