{#- A model's personas in a row each, and those beside them who have none. -#}

{% macro persona_summary_ctes(sizes, labels, rules, traits) %}
    {#- CTEs that end in `persona_summary`. Relations or CTEs: `sizes` as core.persona_sizes, `labels` as
        core.segment_labels, `rules` as core.segment_rules, `traits` as marts.segment_traits. -#}
shop as (
    select
        {{ clientele.double('sum(n_users)') }} as n_users,
        {{ clientele.double('sum(revenue)') }} as revenue
    from {{ sizes }} as sizes
),

compared as (
    {{ clientele.persona_lifts(sizes) }}
),

{{ clientele._told_persona_ctes(labels, rules, traits) }},

persona_summary as (
    select
        cast(names.model_version as varchar(32)) as model_version,
        sizes.segment_id,
        cast(names.segment_name as varchar(256)) as segment_name,
        cast(names.segment_name_fr as varchar(256)) as segment_name_fr,
        names.first_seen_week,
        sizes.n_users,
        {{ clientele.double('sizes.n_users') }} / shop.n_users as user_share,
        sizes.n_orders,
        cast(sizes.revenue as decimal(28, 4)) as revenue,
        case
            when shop.revenue > 0 then {{ clientele.double('sizes.revenue') }} / shop.revenue
            else 0
        end as revenue_share,
        sizes.median_events,
        -- where all have bought, the share would tell so of each
        case
            when sizes.n_buyers < sizes.n_users
                then {{ clientele.double('sizes.n_buyers') }} / {{ clientele.double('sizes.n_users') }}
        end as buyer_share,
        compared.buyer_lift,
        compared.buyer_lift_low,
        compared.buyer_lift_high,
        -- where none or all have bought again, the share would tell so of each
        case
            when sizes.n_repeat_buyers > 0 and sizes.n_repeat_buyers < sizes.n_buyers
                then {{ clientele.double('sizes.n_repeat_buyers') }} / {{ clientele.double('sizes.n_buyers') }}
        end as repeat_buyer_share,
        {{ clientele.double('sizes.revenue') }} / {{ clientele.double('sizes.n_users') }} as revenue_per_user,
        compared.revenue_lift,
        compared.revenue_lift_low,
        compared.revenue_lift_high,
        cast(looked_at.category_family_text as varchar(1024)) as top_categories,
        cast(looked_at.brand_text as varchar(1024)) as top_brands,
        cast(told.rules as varchar(4096)) as rules,
        cast(told.rules_fr as varchar(4096)) as rules_fr,
        told.rules_precision,
        told.rules_recall,
        told.rules_accuracy,
        sizes.n_buyers,
        sizes.largest_orders,
        sizes.largest_revenue,
        {{ clientele.double('sizes.largest_revenue') }} / {{ clientele.double('sizes.n_users') }}
            as largest_revenue_per_user,
        compared.largest_revenue_lift,
        shop.n_users as n_population,
        {{ clientele.double('sizes.largest_revenue') }} / nullif(shop.revenue, 0) as largest_revenue_share
    from {{ sizes }} as sizes
    cross join shop
    inner join names on sizes.segment_id = names.segment_id
    left join compared on sizes.segment_id = compared.segment_id
    left join told on sizes.segment_id = told.segment_id
    left join looked_at on sizes.segment_id = looked_at.segment_id
)
{% endmacro %}


{% macro objectors_apart() %}
    {#- What published_cells() takes as `within` for rows of persona_summary. Who objects is judged apart: the first objection would
        hide a persona with its row, and no total gives it away. -#}
    {{ return(['case when segment_id = -1 then 1 else 0 end']) }}
{% endmacro %}


{% macro _told_persona_ctes(labels, rules, traits) %}
    {#- CTEs `told`, `looked_at` and `names`: what is said of a persona in words; and of customers without one. -#}
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
    from {{ rules }}
    group by segment_id
),

looked_at as (
    select
        segment_id,
        {{ clientele.trait_list('category_family') }} as category_family_text,
        {{ clientele.trait_list('brand') }} as brand_text
    from {{ traits }}
    group by segment_id
),

names as (
    select model_version, segment_id, segment_name, segment_name_fr, first_seen_week from {{ labels }}
    union all
    select
        cast(null as varchar(64)) as model_version,
        0 as segment_id,
        'No persona yet' as segment_name,
        'Pas encore de persona' as segment_name_fr,
        cast(null as date) as first_seen_week
    union all
    select
        cast(null as varchar(64)) as model_version,
        -1 as segment_id,
        'Objects to profiling' as segment_name,
        'Opposition au profilage' as segment_name_fr,
        cast(null as date) as first_seen_week
)
{% endmacro %}
