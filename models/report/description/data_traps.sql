{#- Grain: one oddity of the files that misleads who does not know of it, as it may be published: it stands on what
    enough customers did (macros/report/description/told.sql), or on what marts.data_months says. The table
    monitor.data_profile_traps has those of the files themselves. Late data: built whole in each run. -#}

with

{{ clientele.told_day_ctes() }},

{{ clientele.told_catalogue_ctes() }},

months as (
    select * from {{ ref('data_months') }}
),

moves as (
    select
        month_date,
        family_before || ' > ' || family as families,
        count(*) as n_products,
        {{ clientele.double('count(*)') }} / max(n_before) as product_share
    from (
        select
            priced.*,
            count(*) over (partition by priced.month_date, priced.family_before) as n_before
        from priced
        where priced.family_before is not null
    ) as known_before
    where family_before != family
    group by month_date, family_before, family
),

whole as (
    select
        max(month_date) as month_date,
        sum(coalesce(n_remove_from_cart, 0)) as n_removes,
        sum(coalesce(n_cart, 0)) as n_carts
    from months
),

quantities as (
    select max(month_date) as month_date, count(distinct case when n_with_quantity > 0 then user_sk end) as n_users
    from {{ ref('described_customers') }}
),

found as (
    {{ clientele.trap('missing_day', 'event_date', 'null', 'told_days', 'is_missing') }}
    union all
    {{ clientele.trap(
        'short_day', 'event_date', clientele.share_in_steps('n_users', 'usual_users'), 'told_days', 'is_short'
    ) }}
    union all
    {{ clientele.trap('unpaid_day', 'event_date', 'null', 'told_days', 'is_unpaid') }}
    union all
    {{ clientele.trap('spike_day', 'event_date', 'null', 'told_days', 'is_spike') }}
    union all
    {{ clientele.trap(
        'family_moved', 'month_date', 'round(cast(product_share as decimal(28, 4)), 1)', 'moves',
        'product_share >= 0.25 and n_products >= 5', 'families'
    ) }}
    union all
    {{ clientele.trap(
        'price_cap', 'month_date', 'highest_price', 'told_months', 'n_products_at_highest_price >= 3'
    ) }}
    union all
    {{ clientele.trap('bot_session', 'month_date', 'null', 'months', 'n_bot_sessions is not null') }}
    union all
    {{ clientele.trap(
        'codes_missing', 'month_date', 'without_category_code_share', 'months', 'without_category_code_share >= 0.1'
    ) }}
    union all
    {{ clientele.trap('no_removes', 'month_date', 'null', 'whole', 'n_removes = 0 and n_carts > 0') }}
    union all
    {{ clientele.trap(
        'no_quantity', 'month_date', 'null', 'quantities', 'not ' ~ clientele.is_publishable('n_users')
    ) }}
),

final as (
    {{ clientele.known_traps_of('found') }}
)

select * from final
