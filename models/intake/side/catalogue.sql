{#- Grain: one row per product of the shop: its name, what it costs the shop, whether it is an own brand. A side
    input: its yml declares what is read. Late data is another file, or a corrected one. -#}

with

final as (
    {{ clientele.side_input('catalogue') }}
)

select * from final
