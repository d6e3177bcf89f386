{#- Grain: one persona: its size, its value, what sets it apart, what it looks at. Personas of fewer than min_cell_users
    users are left out. Families and brands come from a sample of users, at most 50,000, in the features' window. -#}
{% set min_cell = clientele.setting('min_cell_users') %}

with

members as (
    select
        persona_scores.user_sk,
        persona_scores.segment_id,
        feature_values.n_events,
        feature_values.n_orders,
        feature_values.revenue,
        feature_values.last_event_at
    from {{ ref('persona_scores') }} as persona_scores
    inner join {{ ref('user_feature_values') }} as feature_values on persona_scores.user_sk = feature_values.user_sk
),

totals as (
    select
        {{ clientele.double('count(*)') }} as n_users,
        {{ clientele.double('sum(revenue)') }} as revenue,
        {{ clientele.double('sum(case when n_orders > 0 then 1 else 0 end)') }} as n_buyers
    from members
),

sizes as (
    select
        segment_id,
        count(*) as n_users,
        sum(n_orders) as n_orders,
        sum(revenue) as revenue,
        sum(case when n_orders > 0 then 1 else 0 end) as n_buyers
    from members
    group by segment_id
),

median_events as (
    select
        segment_id,
        cast(percentile_cont(0.5) within group (order by n_events) as double precision) as median_events
    from members
    group by segment_id
),

sampled as (
    {{ clientele.sampled('members', 50000) }}
),

met as (
    select
        members.segment_id,
        members.user_sk,
        taxonomy.category_family,
        taxonomy.brand
    from {{ ref('events') }} as events
    inner join sampled on events.user_sk = sampled.user_sk
    inner join members on events.user_sk = members.user_sk
    inner join {{ ref('product_taxonomy') }} as taxonomy on events.product_id = taxonomy.product_id
    where events.event_at > {{ dbt.dateadd('day', -clientele.setting('window_days'), 'members.last_event_at') }}
),

{% for trait in ['category_family', 'brand'] %}
{{ trait }}_counts as (
    select segment_id, {{ trait }} as trait, count(*) as n_met
    from met
    where {{ trait }} is not null and {{ trait }} != 'unclassified'
    group by segment_id, {{ trait }}
    having count(distinct user_sk) >= {{ min_cell }}
),

{{ trait }}_places as (
    select
        segment_id,
        trait,
        row_number() over (partition by segment_id order by n_met desc nulls last, trait asc) as place
    from {{ trait }}_counts
),

{{ trait }}_tops as (
    select
        segment_id,
        max(case when place = 1 then trait end)
        || coalesce(', ' || max(case when place = 2 then trait end), '')
        || coalesce(', ' || max(case when place = 3 then trait end), '') as top_traits
    from {{ trait }}_places
    group by segment_id
),

{% endfor %}
rates as (
    select
        sizes.segment_id,
        {{ clientele.double('sizes.n_buyers') }} / sizes.n_users as buyer_share,
        case
            when totals.n_users > sizes.n_users
                then (totals.n_buyers - sizes.n_buyers) / (totals.n_users - sizes.n_users)
        end as rest_share,
        case
            when sizes.n_buyers > 0 and totals.n_buyers > sizes.n_buyers
                then
                    sqrt(
                        1 / {{ clientele.double('sizes.n_buyers') }} - 1 / {{ clientele.double('sizes.n_users') }}
                        + 1 / (totals.n_buyers - sizes.n_buyers) - 1 / (totals.n_users - sizes.n_users)
                    )
        end as ln_lift_error
    from sizes
    cross join totals
),

final as (
    select
        labels.model_version,
        cast(labels.segment_id as integer) as segment_id,
        labels.segment_name,
        labels.segment_name_fr,
        sizes.n_users,
        {{ clientele.double('sizes.n_users') }} / totals.n_users as user_share,
        cast(sizes.n_orders as bigint) as n_orders,
        cast(sizes.revenue as decimal(18, 4)) as revenue,
        case
            when totals.revenue > 0 then {{ clientele.double('sizes.revenue') }} / totals.revenue
            else 0
        end as revenue_share,
        median_events.median_events,
        rates.buyer_share,
        -- buyers among the persona against buyers among the rest; the interval is Katz's (1978)
        case when rates.rest_share > 0 then rates.buyer_share / rates.rest_share end as buyer_lift,
        case
            when rates.rest_share > 0 then rates.buyer_share / rates.rest_share * exp(-1.96 * rates.ln_lift_error)
        end as buyer_lift_low,
        case
            when rates.rest_share > 0 then rates.buyer_share / rates.rest_share * exp(1.96 * rates.ln_lift_error)
        end as buyer_lift_high,
        category_family_tops.top_traits as top_categories,
        brand_tops.top_traits as top_brands
    from sizes
    cross join totals
    inner join {{ ref('segment_labels') }} as labels on sizes.segment_id = labels.segment_id
    inner join median_events on sizes.segment_id = median_events.segment_id
    inner join rates on sizes.segment_id = rates.segment_id
    left join category_family_tops on sizes.segment_id = category_family_tops.segment_id
    left join brand_tops on sizes.segment_id = brand_tops.segment_id
    where sizes.n_users >= {{ min_cell }}
)

select * from final
