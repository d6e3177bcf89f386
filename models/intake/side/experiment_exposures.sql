{#- Grain: one row per experiment and customer: the arm in which the customer is. A side input: its yml declares what
    is read. Late data is another file, or a corrected one. -#}
-- depends_on: {{ ref('user_keys') }}
-- depends_on: {{ ref('profiling_objections') }}

with

final as (
    {{ clientele.side_input('experiment_exposures') }}
)

select * from final
