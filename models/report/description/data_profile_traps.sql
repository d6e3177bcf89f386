{#- Grain: one oddity of the files that misleads who does not know of it, by kind and day or month. Those that
    seeds/known_traps.csv lists, of the public REES46 files, carry its sentence. It describes; it raises no alarm. Late
    data: built whole from tables that are kept. -#}

with

days as (
    select * from {{ ref('data_profile_days') }}
),

months as (
    select * from {{ ref('data_profile_months') }}
),

whole as (
    select max(month_date) as month_date, sum(n_remove_from_cart) as n_removes, sum(n_cart) as n_carts from months
),

quantities as (
    select max(month_date) as month_date, sum(n_with_quantity) as n_with_quantity from {{ ref('data_profile') }}
),

found as (
    {{ clientele.trap('missing_day', 'event_date', 'null', 'days', 'is_missing') }}
    union all
    {{ clientele.trap('short_day', 'event_date', 'n_events / usual_events', 'days', 'is_short') }}
    union all
    {{ clientele.trap('unpaid_day', 'event_date', 'null', 'days', 'is_unpaid') }}
    union all
    {{ clientele.trap('spike_day', 'event_date', 'revenue / usual_revenue', 'days', 'is_spike') }}
    union all
    {{ clientele.trap(
        'family_moved', 'month_date', 'product_share', ref('data_profile_moves'),
        'product_share >= 0.25 and n_products >= 5', "from_family || ' > ' || to_family"
    ) }}
    union all
    {{ clientele.trap('price_cap', 'month_date', 'highest_price', 'months', 'n_products_at_highest_price >= 3') }}
    union all
    {{ clientele.trap('bot_session', 'month_date', 'longest_bot_session', 'months', 'n_bot_sessions > 0') }}
    union all
    {{ clientele.trap(
        'codes_missing', 'month_date', 'without_category_code_share', 'months', 'without_category_code_share >= 0.1'
    ) }}
    union all
    {{ clientele.trap('no_removes', 'month_date', 'null', 'whole', 'n_removes = 0 and n_carts > 0') }}
    union all
    {{ clientele.trap('no_quantity', 'month_date', 'null', 'quantities', 'n_with_quantity = 0') }}
),

final as (
    {{ clientele.known_traps_of('found') }}
)

select * from final
