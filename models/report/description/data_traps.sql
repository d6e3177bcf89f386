{#- Grain: one oddity of the files that misleads who does not know of it, as it may be published: it stands on what
    enough customers did (macros/report/description/told.sql), or on what marts.data_months says. The table
    monitor.data_profile_traps has those of the files themselves. Late data: built whole in each run. -#}

with

{{ clientele.told_day_ctes() }},

{{ clientele.told_catalogue_ctes() }},

months as (
    select
        told.*,
        files.longest_bot_session
    from {{ ref('data_months') }} as told
    inner join {{ ref('data_profile_months') }} as files on told.month_date = files.month_date
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

-- who did it at all: a month may hide its count, and a small one is told as 0
whole as (
    select
        max(month_date) as month_date,
        count(distinct case when n_remove_from_cart > 0 then user_sk end) as n_removers,
        count(distinct case when n_cart > 0 then user_sk end) as n_carters,
        count(distinct case when n_with_quantity > 0 then user_sk end) as n_with_quantity
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
    {{ clientele.trap('bot_session', 'month_date', 'longest_bot_session', 'months', 'n_bot_sessions is not null') }}
    union all
    {{ clientele.trap(
        'codes_missing', 'month_date', 'without_category_code_share', 'months', 'without_category_code_share >= 0.1'
    ) }}
    union all
    {{ clientele.trap(
        'no_removes', 'month_date', 'null', 'whole',
        'not ' ~ clientele.is_publishable('n_removers') ~ ' and ' ~ clientele.is_publishable('n_carters')
    ) }}
    union all
    {{ clientele.trap(
        'no_quantity', 'month_date', 'null', 'whole', 'not ' ~ clientele.is_publishable('n_with_quantity')
    ) }}
),

known as (
    {{ clientele.known_traps_of('found') }}
),

-- one customer's session: it is known by its length, which is not told
final as (
    select
        trap,
        on_date,
        detail,
        case when trap != 'bot_session' then figure end as figure,
        is_known,
        note_en,
        note_fr
    from known
)

select * from final
