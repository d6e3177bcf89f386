{#- Grain: one row per segment, channel and week: what was spent, and what came of it. A side input: its yml declares
    what is read. Late data is another file, or a corrected one. -#}

with

final as (
    {{ clientele.side_input('channel_spend') }}
)

select * from final
