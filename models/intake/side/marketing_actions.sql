{#- Grain: one row per action of marketing: newsletters, promotions, changes of prices. A side input: its yml declares
    what is read. Late data is another file, or a corrected one. -#}

with

final as (
    {{ clientele.side_input('marketing_actions') }}
)

select * from final
