{#- Grain: one origin, a day from which on outcomes count: 7 to 270 days before the day after the build's, each with
    thirty days of history. Empty unless a fit is due. -#}

with

request as (
    select * from {{ ref('prediction_request') }}
),

final as (
    {% for days_back in clientele.prediction_origins() %}
    select
        cast({{ days_back }} as integer) as days_back,
        cast({{ dbt.dateadd('day', 1 - days_back, 'as_of_date') }} as date) as origin_date
    from request
    where n_days >= {{ 30 + days_back }} and is_due
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from final
