{#- Grain: one origin (30, 60 or 90 days before the day after the build's), customer of the sample who ordered within
    thirty days, and list: whether the next order held one of the three products. Late data: built whole in each run.
    -#}

with

origins as (
    select *
    from ({{ clientele.recommendation_origins() }}) as all_origins
    where days_back > 0
),

bought as (
    select * from {{ ref('customer_purchases') }}
),

visits as (
    select * from {{ ref('product_visits') }}
),

neighbours as (
    select * from {{ ref('product_neighbours') }}
),

visitors as (
    select user_sk from {{ ref('prediction_features') }}
),

sampled as (
    {{ clientele.sampled('visitors', [clientele.setting('sample_users'), 25000] | min) }}
),

next_days as (
    select
        origins.days_back,
        bought.user_sk,
        min(bought.local_date) as next_date
    from bought
    inner join sampled on bought.user_sk = sampled.user_sk
    inner join origins
        on
            bought.local_date >= origins.origin_date
            and bought.local_date < {{ dbt.dateadd('day', 30, 'origins.origin_date') }}
    group by origins.days_back, bought.user_sk
),

wanted as (
    {% for kind in ['again', 'new_popular', 'new_neighbours'] %}
    select '{{ kind }}' as kind{{ ' union all' if not loop.last }}
    {% endfor %}
),

{{ clientele.recommendation_ctes('bought', 'origins', 'next_days', 'visits', 'neighbours', 'wanted') }},

lists as (
    select
        days_back,
        user_sk,
        product_id,
        kind
    from listed
    union all
    select
        next_days.days_back,
        next_days.user_sk,
        charts.product_id,
        'again_popular' as kind
    from next_days
    inner join charts on next_days.days_back = charts.days_back and charts.place <= {{ clientele.list_length() }}
    union all
    select
        next_days.days_back,
        next_days.user_sk,
        own_places.product_id,
        'again_own' as kind
    from next_days
    inner join own_places
        on
            next_days.days_back = own_places.days_back
            and next_days.user_sk = own_places.user_sk
            and own_places.place <= {{ clientele.list_length() }}
),

final as (
    select
        lists.days_back,
        origins.origin_date,
        lists.user_sk,
        cast(lists.kind as varchar(16)) as kind,
        cast(max(case when bought.user_sk is null then 0 else 1 end) as integer) as is_hit,
        max(case when own_counts.n_own > 0 then 1 else 0 end) = 1 as is_buyer
    from lists
    inner join next_days on lists.days_back = next_days.days_back and lists.user_sk = next_days.user_sk
    inner join origins on lists.days_back = origins.days_back
    left join own_counts on lists.days_back = own_counts.days_back and lists.user_sk = own_counts.user_sk
    left join bought
        on
            lists.user_sk = bought.user_sk
            and lists.product_id = bought.product_id
            and next_days.next_date = bought.local_date
    group by lists.days_back, origins.origin_date, lists.user_sk, lists.kind
)

select * from final
