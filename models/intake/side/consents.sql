{#- Grain: one row per change of a consent of a customer for a purpose. A side input: its yml declares what is read.
    Late data is another file, or a corrected one. -#}
-- depends_on: {{ ref('user_keys') }}
-- depends_on: {{ ref('profiling_objections') }}

with

final as (
    {{ clientele.side_input('consents') }}
)

select * from final
