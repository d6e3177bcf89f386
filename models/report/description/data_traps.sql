{#- Grain: one oddity of the files that misleads who does not know of it, as it may be published: its figure with two
    digits, and none where it is one session's. Late data: built whole in each run. -#}

with

traps as (
    select * from {{ ref('data_profile_traps') }}
),

final as (
    select
        trap,
        on_date,
        detail,
        case
            when trap = 'price_cap' then figure
            when trap <> 'bot_session' then {{ clientele.double('round(cast(figure as decimal(28, 4)), 2)') }}
        end as figure,
        is_known,
        note_en,
        note_fr
    from traps
)

select * from final
