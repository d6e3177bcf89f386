{#- Grain: one persona: its size, its value, what sets it apart, what it looks at, as far as macros/disclosure.sql lets
    it be published. Families and brands come from a sample of users, at most 50,000, in the features' window. -#}
{#- squares of thousands: they fit a fixed-point number up to thirty millions a user -#}
{% set squared_revenue = 'power(' ~ clientele.double('revenue') ~ ' / 1000, 2)' %}

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
        {{ clientele.double('sum(' ~ clientele.exact(squared_revenue) ~ ')') }} as squared_revenue,
        {{ clientele.double('max(revenue)') }} as largest_revenue,
        {{ clientele.double('sum(case when n_orders > 0 then 1 else 0 end)') }} as n_buyers
    from members
),

sizes as (
    select
        segment_id,
        count(*) as n_users,
        sum(n_orders) as n_orders,
        sum(revenue) as revenue,
        {{ clientele.double('sum(' ~ clientele.exact(squared_revenue) ~ ')') }} as squared_revenue,
        sum(case when n_orders > 0 then 1 else 0 end) as n_buyers,
        sum(case when n_orders > 1 then 1 else 0 end) as n_repeat_buyers,
        max(n_orders) as largest_orders,
        max(revenue) as largest_revenue
    from members
    group by segment_id
),

median_events as (
    select
        segment_id,
        {{ clientele.median('n_events') }} as median_events
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
    where events.event_at > {{ clientele.window_start('members.last_event_at') }}
),

{% for trait in ['category_family', 'brand'] %}
{{ trait }}_counts as (
    select segment_id, {{ trait }} as trait, count(*) as n_met
    from met
    where {{ trait }} is not null and {{ trait }} != 'unclassified'
    group by segment_id, {{ trait }}
    having {{ clientele.is_publishable('count(distinct user_sk)') }}
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
        {{ clientele.double('sizes.revenue') }} / sizes.n_users as revenue_per_user,
        case
            when totals.n_users > sizes.n_users
                then (totals.revenue - {{ clientele.double('sizes.revenue') }}) / (totals.n_users - sizes.n_users)
        end as rest_revenue_per_user,
        sizes.n_users,
        totals.n_users - sizes.n_users as rest_users,
        1e6 * sizes.squared_revenue as squared_revenue,
        1e6 * (totals.squared_revenue - sizes.squared_revenue) as rest_squared_revenue,
        totals.largest_revenue,
        -- where all have bought, the share would tell so of each
        case
            when sizes.n_buyers < sizes.n_users then {{ clientele.double('sizes.n_buyers') }} / sizes.n_users
        end as buyer_share,
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

-- the standard error of a ratio's logarithm, by the delta method
revenue_ratios as (
    select
        segment_id,
        revenue_per_user / rest_revenue_per_user as revenue_lift,
        revenue_per_user / rest_revenue_per_user * largest_revenue
        / least(revenue_per_user * n_users, rest_revenue_per_user * rest_users) as largest_revenue_lift,
        sqrt(
            greatest(squared_revenue / n_users - power(revenue_per_user, 2), 0) / n_users / power(revenue_per_user, 2)
            + greatest(rest_squared_revenue / rest_users - power(rest_revenue_per_user, 2), 0)
            / rest_users / power(rest_revenue_per_user, 2)
        ) as ln_error
    from rates
    where revenue_per_user > 0 and rest_revenue_per_user > 0
),

told as (
    select
        segment_id,
        max(case when rule_number = 1 then rule_text end)
        || coalesce(' OR ' || max(case when rule_number = 2 and coverage >= 0.1 then rule_text end), '') as rules,
        max(case when rule_number = 1 then rule_text_fr end)
        || coalesce(' OU ' || max(case when rule_number = 2 and coverage >= 0.1 then rule_text_fr end), '') as rules_fr,
        max(persona_precision) as rules_precision,
        max(persona_recall) as rules_recall,
        max(tree_accuracy) as rules_accuracy
    from {{ ref('segment_rules') }}
    group by segment_id
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
        -- where none or all have bought again, the share would tell so of each
        case
            when sizes.n_repeat_buyers > 0 and sizes.n_repeat_buyers < sizes.n_buyers
                then {{ clientele.double('sizes.n_repeat_buyers') }} / sizes.n_buyers
        end as repeat_buyer_share,
        rates.revenue_per_user,
        revenue_ratios.revenue_lift,
        revenue_ratios.revenue_lift * exp(-1.96 * revenue_ratios.ln_error) as revenue_lift_low,
        revenue_ratios.revenue_lift * exp(1.96 * revenue_ratios.ln_error) as revenue_lift_high,
        category_family_tops.top_traits as top_categories,
        brand_tops.top_traits as top_brands,
        cast(told.rules as varchar(4096)) as rules,
        cast(told.rules_fr as varchar(4096)) as rules_fr,
        told.rules_precision,
        told.rules_recall,
        told.rules_accuracy,
        sizes.n_buyers,
        sizes.largest_orders,
        sizes.largest_revenue,
        {{ clientele.double('sizes.largest_revenue') }} / sizes.n_users as largest_revenue_per_user,
        revenue_ratios.largest_revenue_lift,
        totals.n_users as n_population,
        {{ clientele.double('sizes.largest_revenue') }} / nullif(totals.revenue, 0) as largest_revenue_share
    from sizes
    cross join totals
    inner join {{ ref('segment_labels') }} as labels on sizes.segment_id = labels.segment_id
    inner join median_events on sizes.segment_id = median_events.segment_id
    inner join rates on sizes.segment_id = rates.segment_id
    left join revenue_ratios on sizes.segment_id = revenue_ratios.segment_id
    left join told on sizes.segment_id = told.segment_id
    left join category_family_tops on sizes.segment_id = category_family_tops.segment_id
    left join brand_tops on sizes.segment_id = brand_tops.segment_id
),

publishable as (
    {{ clientele.published_cells('final', keys=['segment_id']) }}
)

select * from publishable
