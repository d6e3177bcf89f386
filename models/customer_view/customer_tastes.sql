{#- Grain: one user with a session that is not a bot's: what the user has looked at most, and when the user comes, as
    counts that hang on nobody else. Late data: rebuilt for the same users as user_feature_values, as families change.
    -#}
-- depends_on: {{ ref('users') }}
-- depends_on: {{ ref('event_files') }}
-- depends_on: {{ ref('touched_days') }}
-- depends_on: {{ ref('retention') }}
-- depends_on: {{ ref('shop_priors') }}
-- depends_on: {{ ref('feature_priors') }}
{{ config(
    materialized='incremental',
    incremental_strategy='touched_users',
    post_hook=[
        '{{ clientele.mark_load() }}',
        "delete from {{ this }} where user_sk not in (select user_sk from {{ ref('user_feature_values') }})"
    ]
) }}

with

{{ clientele.profile_ctes() }},

{{ clientele.human_event_ctes(users='profiles') }},

looks as (
    select
        human_events.user_sk,
        taxonomy.category_family,
        taxonomy.brand,
        count(*) as n_looks,
        sum(case when taxonomy.price_tier = 'premium' then 1 else 0 end) as n_premium,
        sum(case when taxonomy.price_tier = 'budget' then 1 else 0 end) as n_budget
    from human_events
    inner join {{ ref('product_taxonomy') }} as taxonomy on human_events.product_id = taxonomy.product_id
    group by human_events.user_sk, taxonomy.category_family, taxonomy.brand
),

totals as (
    select
        user_sk,
        sum(n_looks) as n_looks,
        sum(n_premium) as n_premium,
        sum(n_budget) as n_budget
    from looks
    group by user_sk
),

{% for kind in ['category_family', 'brand'] %}
{{ kind }}_looks as (
    select
        user_sk,
        {{ kind }},
        sum(n_looks) as n_looks,
        row_number() over (partition by user_sk order by sum(n_looks) desc nulls last, {{ kind }} asc) as place
    from looks
    where {{ kind }} is not null and {{ kind }} != 'unclassified'
    group by user_sk, {{ kind }}
),

{% endfor %}
visits as (
    select
        user_sessions.user_sk,
        count(*) as n_sessions,
        sum(
            case
                when
                    extract(hour from {{ clientele.local_time('user_sessions.started_at') }}) >= 18
                    and extract(hour from {{ clientele.local_time('user_sessions.started_at') }}) < 23 then 1
                else 0
            end
        ) as n_evening_sessions
    from {{ ref('user_sessions') }} as user_sessions
    inner join profiles on user_sessions.user_sk = profiles.user_sk
    where not user_sessions.is_bot
    group by user_sessions.user_sk
),

final as (
    select
        visits.user_sk,
        cast(coalesce(totals.n_looks, 0) as bigint) as n_looks,
        cast(coalesce(totals.n_premium, 0) as bigint) as n_premium,
        cast(coalesce(totals.n_budget, 0) as bigint) as n_budget,
        cast(families.category_family as varchar(256)) as favourite_family,
        cast(families.n_looks as bigint) as n_family_looks,
        cast(brands.brand as varchar(256)) as favourite_brand,
        cast(brands.n_looks as bigint) as n_brand_looks,
        cast(visits.n_sessions as bigint) as n_sessions,
        cast(visits.n_evening_sessions as bigint) as n_evening_sessions
    from visits
    left join totals on visits.user_sk = totals.user_sk
    left join category_family_looks as families on visits.user_sk = families.user_sk and families.place = 1
    left join brand_looks as brands on visits.user_sk = brands.user_sk and brands.place = 1
)

select * from final
