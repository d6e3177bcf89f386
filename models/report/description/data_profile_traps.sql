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
    select
        cast(found.trap as varchar(16)) as trap,
        cast(found.on_date as date) as on_date,
        cast(found.detail as varchar(600)) as detail,
        cast(found.figure as double precision) as figure,
        coalesce(known_traps.trap is not null, false) as is_known,
        cast(known_traps.note_en as varchar(512)) as note_en,
        cast(known_traps.note_fr as varchar(512)) as note_fr
    from found
    left join {{ ref('known_traps') }} as known_traps
        on
            found.trap = known_traps.trap
            and (known_traps.on_date is null or found.on_date = known_traps.on_date)
            and (known_traps.figure is null or abs(found.figure - known_traps.figure) < 0.01)
            and (known_traps.detail is null or found.detail = known_traps.detail)
)

select * from final
