{#- Grain: one series, period, comparison and period that takes part in it, on the side `now` or `before`.
    Comparison `step`: a period and the one before it. `level`: the last four periods and the four that ended twelve
    before them. `fit`, of what a model says: a period and those up to the fit. Late data: built whole. -#}
{% set limits = clientele.drift_limits() %}
{% set span = limits['pooled'] + limits['apart'] - 1 %}

with

periods as (
    select * from {{ ref('drift_periods') }}
),

fits as (
    select series, cast(fitted_date as date) as fitted_date from {{ ref('drift_fits') }}
),

paired as (
    select
        periods.period_grain,
        periods.series,
        periods.period_date,
        periods.period_number,
        periods.drift_kind,
        taking_part.period_date as other_date,
        periods.period_number - taking_part.period_number as distance,
        fits.fitted_date
    from periods
    inner join periods as taking_part
        on
            periods.period_grain = taking_part.period_grain
            and periods.series = taking_part.series
            and periods.period_number >= taking_part.period_number
    left join fits on periods.series = fits.series
),

final as (
    select
        period_grain,
        series,
        period_date,
        period_number,
        cast('step' as varchar(8)) as comparison,
        distance = 0 as is_now,
        other_date
    from paired
    where drift_kind = 'data' and distance <= 1 and period_number > 1
    union all
    select
        period_grain,
        series,
        period_date,
        period_number,
        'level' as comparison,
        distance < {{ limits['pooled'] }} as is_now,
        other_date
    from paired
    where
        drift_kind = 'data'
        and period_number > {{ span }}
        and (distance < {{ limits['pooled'] }} or distance between {{ limits['apart'] }} and {{ span }})
    union all
    select
        period_grain,
        series,
        period_date,
        period_number,
        'fit' as comparison,
        distance = 0 as is_now,
        other_date
    from paired
    where
        drift_kind != 'data'
        and period_date >= fitted_date
        and (distance = 0 or other_date < fitted_date)
)

select * from final
