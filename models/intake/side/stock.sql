{#- Grain: one row per product and day: how many there were. A side input: its yml declares what is read. Late data is
    another file, or a corrected one. -#}

with

final as (
    {{ clientele.side_input('stock') }}
)

select * from final
