{#- Grain: one customer of user_segments, in words and bands: what analysts ask of a customer without knowing
    features. A favourite that too few customers share, and a habit that would single the customer out, is empty. Late
    data: built whole in each run. -#}
{% set words = clientele.customer_fact_words() %}
{% set columns = model.columns.keys() | list %}
{% set habits = ['favourite_brand', 'favourite_family', 'price_level'] %}

with

users as (
    select user_sk, user_key from {{ ref('users') }}
),

moment as (
    select as_of_at from {{ ref('as_of') }}
),

product_looks as (
    select product_id, {{ clientele.double('count(*)') }} as n_looks
    from {{ ref('events') }}
    group by product_id
),

{% for kind in ['category_family', 'brand'] %}
{{ kind }}_shares as (
    select
        taxonomy.{{ kind }},
        sum(product_looks.n_looks) / sum(sum(product_looks.n_looks)) over () as shop_share
    from product_looks
    inner join {{ ref('product_taxonomy') }} as taxonomy on product_looks.product_id = taxonomy.product_id
    group by taxonomy.{{ kind }}
),

{% endfor %}
measured as (
    select
        segments.user_key,
        segments.segment_id,
        segments.segment_name as persona,
        segments.segment_name_fr as persona_fr,
        segments.value_tier,
        segments.lifecycle_state,
        case when tastes.n_family_looks >= 3 then tastes.favourite_family end as favourite_family,
        {{ clientele.double('tastes.n_family_looks') }} / tastes.n_looks / families.shop_share as family_lift,
        case when tastes.n_brand_looks >= 3 then tastes.favourite_brand end as favourite_brand,
        {{ clientele.double('tastes.n_brand_looks') }} / tastes.n_looks / brands.shop_share as brand_lift,
        case
            when tastes.n_looks < 3 then null
            when tastes.n_premium * 2 > tastes.n_looks then 'premium'
            when tastes.n_budget * 2 > tastes.n_looks then 'budget'
            else 'middle'
        end as price_level,
        {{ clientele.double('visits.n_visits') }} * 7
        / greatest({{ dbt.datediff('visits.first_visit_date', 'visits.last_visit_date', 'day') }} + 1, 28)
            as visits_per_week,
        {{ clientele.double('tastes.n_evening_sessions') }} / tastes.n_sessions as evening_share,
        visits.n_orders,
        {{ clientele.revenue_band('visits.revenue', 'shop_priors.order_value') }} as revenue_band,
        {{ clientele.week_of('feature_values.last_order_at') }} as last_order_week,
        {{ dbt.datediff(clientele.week_of('visits.last_event_at'), clientele.week_of('moment.as_of_at'), 'day') }}
            as days_between_weeks,
        count(*) over (partition by tastes.favourite_family) as n_sharing_family,
        count(*) over (partition by tastes.favourite_brand) as n_sharing_brand
    from {{ ref('user_segments') }} as segments
    inner join users on segments.user_key = users.user_key
    inner join {{ ref('customer_visits') }} as visits on users.user_sk = visits.user_sk
    inner join {{ ref('customer_tastes') }} as tastes on users.user_sk = tastes.user_sk
    inner join {{ ref('user_feature_values') }} as feature_values on users.user_sk = feature_values.user_sk
    cross join moment
    cross join {{ ref('shop_priors') }} as shop_priors
    left join category_family_shares as families on tastes.favourite_family = families.category_family
    left join brand_shares as brands on tastes.favourite_brand = brands.brand
),

told as (
    select
        user_key,
        cast(segment_id as integer) as segment_id,
        cast(persona as varchar(256)) as persona,
        cast(persona_fr as varchar(256)) as persona_fr,
        cast(value_tier as integer) as value_tier,
        cast(lifecycle_state as varchar(16)) as lifecycle_state,
        cast(
            case when {{ clientele.is_publishable('n_sharing_family') }} then favourite_family end as varchar(256)
        ) as favourite_family,
        cast({{ clientele.lift_band('family_lift') }} as varchar(16)) as favourite_family_lift,
        cast(
            case when {{ clientele.is_publishable('n_sharing_brand') }} then favourite_brand end as varchar(256)
        ) as favourite_brand,
        cast({{ clientele.lift_band('brand_lift') }} as varchar(16)) as favourite_brand_lift,
        cast(price_level as varchar(16)) as price_level,
        cast({{ clientele.banded('visits_per_week', words['visits_per_week']) }} as varchar(24)) as visits_per_week,
        cast({{ clientele.banded('evening_share', words['evening_share']) }} as varchar(24)) as evening_share,
        cast({{ clientele.banded('n_orders', words['orders']) }} as varchar(24)) as orders,
        revenue_band,
        last_order_week,
        cast(greatest(days_between_weeks, 0) / 7 as integer) as weeks_since_last
    from measured
),

-- what somebody knows who has seen the last visit, and then what the receipt of the last order tells
shared_by_visit as (
    {{ clientele.shared_only('told', columns, habits + ['weeks_since_last', 'revenue_band'], habits) }}
),

shared as (
    {{ clientele.shared_only('shared_by_visit', columns, habits + ['last_order_week', 'revenue_band'], habits) }}
),

final as (
    select
        {% for column in columns %}
        {% if column in ['favourite_family_lift', 'favourite_brand_lift'] -%}
        case when {{ column[:-5] }} is not null then {{ column }} end as {{ column }}
        {%- else -%}
        {{ column }}
        {%- endif %}{% if not loop.last %},{% endif %}
        {% endfor %}
    from shared
)

select * from final
