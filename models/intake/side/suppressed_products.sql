{#- Grain: one row per product that must never be recommended. A side input: its yml declares what is read. Late data
    is another file, or a corrected one. -#}

with

final as (
    {{ clientele.side_input('suppressed_products') }}
)

select * from final
