{#- Grain: one customer who may be profiled and category family: what the customer did with its products up to the day
    of the build. Built whole: recency moves with as_of. -#}

with

origins as (
    select
        cast(0 as integer) as days_back,
        cast({{ dbt.dateadd('day', 1, 'as_of_date') }} as date) as origin_date
    from {{ ref('prediction_request') }}
),

{{ clientele.family_history_ctes('origins') }},

final as (
    select *
    from family_history
    where {{ clientele.may_be_profiled('user_sk') }}
)

select * from final
