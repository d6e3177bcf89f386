{#- Grain: one oddity of the files that misleads who does not know of it, as it may be published: its figure with two
    digits, and none where it is one session's, or what one customer bought may have made it. A day of much revenue is
    named where enough customers bought on it. Late data: built whole in each run. -#}

with

traps as (
    select * from {{ ref('data_profile_traps') }}
),

buyers as (
    select cast(started_at as date) as event_date, count(distinct user_sk) as n_buyers
    from {{ ref('user_sessions') }}
    where n_purchases > 0 and not is_bot
    group by cast(started_at as date)
),

final as (
    select
        traps.trap,
        traps.on_date,
        traps.detail,
        case
            when traps.trap = 'price_cap' then traps.figure
            when traps.trap not in ('bot_session', 'spike_day')
                then {{ clientele.double('round(cast(traps.figure as decimal(28, 4)), 2)') }}
        end as figure,
        traps.is_known,
        traps.note_en,
        traps.note_fr
    from traps
    left join buyers on traps.on_date = buyers.event_date
    where traps.trap <> 'spike_day' or {{ clientele.is_publishable('buyers.n_buyers') }}
)

select * from final
