{#- What the customers of each persona are together, whichever model gave them their personas. -#}

{% macro persona_size_ctes(scores) %}
    {#- CTEs that end in `persona_sizes`, exact. `scores`: the name of a model with user_sk and segment_id. -#}
    {#- in what the shop's largest customer counts as, so that squares fit a fixed-point number in any currency -#}
    {%- set squared_share = 'power(' ~ clientele.double('revenue') ~ ' / nullif(unit_revenue, 0), 2)' -%}
all_customers as (
    select
        feature_values.n_events,
        feature_values.n_orders,
        feature_values.revenue,
        coalesce(persona_scores.segment_id, 0) as segment_id
    from {{ ref('user_feature_values') }} as feature_values
    left join {{ ref(scores) }} as persona_scores on feature_values.user_sk = persona_scores.user_sk
    where {{ clientele.may_be_profiled('feature_values.user_sk') }}
    union all
    -- who may not be profiled has no features: counted from the sessions
    select
        sum(user_sessions.n_events) as n_events,
        sum(case when user_sessions.n_purchases > 0 then 1 else 0 end) as n_orders,
        sum(user_sessions.revenue) as revenue,
        -1 as segment_id
    from {{ ref('user_sessions') }} as user_sessions
    inner join {{ ref('profiling_objections') }} as objections on user_sessions.user_sk = objections.user_sk
    where not user_sessions.is_bot
    group by user_sessions.user_sk
),

{{ clientele.limit_ctes() }},

members as (
    select
        all_customers.segment_id,
        all_customers.n_events,
        {{ clientele.counted('all_customers.n_orders', 'orders') }} as n_orders,
        {{ clientele.counted_money('all_customers.revenue') }} as revenue,
        {{ clientele.double('limits.most_revenue') }} as unit_revenue
    from all_customers
    cross join limits
),

member_sums as (
    select
        segment_id,
        cast(count(*) as bigint) as n_users,
        cast(sum(n_orders) as bigint) as n_orders,
        cast(sum(revenue) as decimal(38, 4)) as revenue,
        {{ clientele.double('sum(cast(round(' ~ squared_share ~ ', 18) as decimal(38, 18)))') }}
        * max(power(unit_revenue, 2)) as squared_revenue,
        cast(sum(case when n_orders > 0 then 1 else 0 end) as bigint) as n_buyers,
        cast(sum(case when n_orders > 1 then 1 else 0 end) as bigint) as n_repeat_buyers,
        cast({{ clientele.most_counted('orders') }} as bigint) as largest_orders,
        max(limits.most_revenue) as largest_revenue
    from members
    cross join limits
    group by segment_id
),

member_medians as (
    select
        segment_id,
        {{ clientele.median('n_events') }} as median_events
    from members
    group by segment_id
),

persona_sizes as (
    select
        cast(member_sums.segment_id as integer) as segment_id,
        member_sums.n_users,
        member_sums.n_orders,
        member_sums.revenue,
        member_sums.squared_revenue,
        member_sums.n_buyers,
        member_sums.n_repeat_buyers,
        member_sums.largest_orders,
        member_sums.largest_revenue,
        member_medians.median_events
    from member_sums
    inner join member_medians on member_sums.segment_id = member_medians.segment_id
)
{% endmacro %}


{% macro persona_trait_ctes(scores, labels) %}
    {#- CTEs that end in `persona_traits`. `scores`: the name of a model with user_sk and segment_id; `labels`: a relation or
        CTE with model_version and segment_id. -#}
customers as (
    select
        feature_values.user_sk,
        feature_values.last_event_at,
        coalesce(persona_scores.segment_id, 0) as segment_id
    from {{ ref('user_feature_values') }} as feature_values
    left join {{ ref(scores) }} as persona_scores on feature_values.user_sk = persona_scores.user_sk
    where {{ clientele.may_be_profiled('feature_values.user_sk') }} and exists (select 1 from {{ labels }})
),

sampled as (
    {{ clientele.sampled('customers', 50000) }}
),

met as (
    select
        customers.segment_id,
        customers.user_sk,
        taxonomy.category_family,
        taxonomy.brand
    from {{ ref('events') }} as events
    inner join sampled on events.user_sk = sampled.user_sk
    inner join customers on events.user_sk = customers.user_sk
    inner join {{ ref('product_taxonomy') }} as taxonomy on events.product_id = taxonomy.product_id
    where events.event_at > {{ clientele.window_start('customers.last_event_at') }}
),

traits as (
    {% for kind in ['category_family', 'brand'] -%}
    select
        cast('{{ kind }}' as varchar(16)) as trait_kind,
        {{ kind }} as trait,
        segment_id,
        {{ clientele.double('count(*)') }} as n_met,
        count(distinct user_sk) as n_users
    from met
    where {{ kind }} is not null and {{ kind }} != 'unclassified'
    group by {{ kind }}, segment_id
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

shares as (
    select
        traits.*,
        traits.n_met / sum(traits.n_met) over (partition by traits.trait_kind, traits.segment_id) as trait_share,
        sum(traits.n_met) over (partition by traits.trait_kind, traits.trait)
        / sum(traits.n_met) over (partition by traits.trait_kind) as shop_share
    from traits
),

telling as (
    select
        shares.*,
        shares.trait_share / shares.shop_share as lift,
        row_number() over (
            partition by shares.trait_kind, shares.segment_id
            order by shares.trait_share * ln(shares.trait_share / shares.shop_share) desc nulls last, shares.trait asc
        ) as place
    from shares
    where
        shares.segment_id > 0
        and shares.trait_share >= 0.02
        and shares.trait_share >= 1.2 * shares.shop_share
        and {{ clientele.is_publishable('shares.n_users') }}
),

persona_traits as (
    select
        labels.model_version,
        labels.segment_id,
        telling.trait_kind,
        cast(telling.place as integer) as trait_position,
        cast(telling.trait as varchar(256)) as trait,
        cast(telling.n_users as bigint) as n_users,
        telling.trait_share,
        telling.shop_share,
        telling.lift
    from telling
    inner join {{ labels }} as labels on telling.segment_id = labels.segment_id
    where telling.place <= 5
)
{% endmacro %}
