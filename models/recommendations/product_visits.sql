{#- Grain: one origin (the day after the build's, and 30, 60 and 90 days before it), customer and product of the twenty
    that the customer looked at last in the sixty days before. At earlier origins, which are for judging, of a sample of
    customers. Late data: built whole in each run. -#}

with

{{ clientele.human_event_ctes() }},

origins as (
    {{ clientele.recommendation_origins() }}
),

visitors as (
    select user_sk from {{ ref('prediction_features') }}
),

sampled as (
    {{ clientele.sampled('visitors', [clientele.setting('sample_users'), 25000] | min) }}
),

looks as (
    select
        human_events.user_sk,
        human_events.product_id,
        cast({{ clientele.local_time('human_events.event_at') }} as date) as local_date,
        count(*) as n_events
    from human_events
    inner join visitors on human_events.user_sk = visitors.user_sk
    group by
        human_events.user_sk, human_events.product_id, cast({{ clientele.local_time('human_events.event_at') }} as date)
),

known as (
    select
        origins.days_back,
        looks.user_sk,
        looks.product_id,
        min({{ dbt.datediff('looks.local_date', 'origins.origin_date', 'day') }}) as days_ago,
        sum(looks.n_events) as n_events
    from looks
    inner join origins
        on
            looks.local_date < origins.origin_date
            and looks.local_date >= {{ dbt.dateadd('day', -60, 'origins.origin_date') }}
    left join sampled on looks.user_sk = sampled.user_sk
    where origins.days_back = 0 or sampled.user_sk is not null
    group by origins.days_back, looks.user_sk, looks.product_id
),

placed as (
    select
        known.*,
        row_number() over (
            partition by known.days_back, known.user_sk
            order by known.days_ago asc, known.n_events desc nulls last, known.product_id asc
        ) as place
    from known
),

final as (
    select
        placed.days_back,
        placed.user_sk,
        placed.product_id,
        cast(placed.days_ago as integer) as days_ago,
        cast(placed.place as integer) as place,
        sampled.user_sk is not null as is_sampled
    from placed
    left join sampled on placed.user_sk = sampled.user_sk
    where placed.place <= 20
)

select * from final
