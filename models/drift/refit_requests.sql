{#- Grain: one kind of model (personas, value, heads) for which a new fit is asked: with an error of drift in its inputs
    in two whole periods running, or one error of what it says or of what follows from it, since its fit. The next
    build reads it (macros/registry/fits.sql) and fits a challenger, which has to pass the gate as any other. Periods
    with a data error ask for nothing: broken data is not to be learnt from. Late data: built whole. -#}

with

fits as (
    select
        model_kind,
        max(model_version) as model_version,
        max(fitted_date) as fitted_date
    from {{ ref('drift_fits') }}
    group by model_kind
),

drifted as (
    select
        drift.*,
        lag(drift.severity) over (
            partition by drift.period_grain, drift.series order by drift.period_date
        ) as severity_before
    from {{ ref('drift') }} as drift
    where drift.verdict != 'data_error'
),

own_series as (
    select series, model_kind from {{ ref('drift_fits') }}
),

reasons as (
    select
        fits.model_kind,
        fits.model_version,
        drifted.drift_kind,
        drifted.series,
        drifted.period_grain,
        drifted.period_date,
        row_number() over (
            partition by fits.model_kind
            order by
                drifted.period_date desc nulls last,
                case when drifted.drift_kind = 'data' then 1 else 0 end,
                drifted.series asc,
                drifted.period_grain asc
        ) as place
    from drifted
    left join own_series on drifted.series = own_series.series
    inner join fits on own_series.model_kind is null or own_series.model_kind = fits.model_kind
    where
        drifted.severity = 'error'
        and drifted.period_date > fits.fitted_date
        -- what comes has to be otherwise twice; what a model says is held against its fit
        and (drifted.drift_kind != 'data' or drifted.severity_before = 'error')
        -- a season comes and goes
        and drifted.verdict != 'recurring'
)

select
    cast(model_kind as varchar(16)) as model_kind,
    cast(model_version as varchar(64)) as model_version,
    drift_kind,
    series,
    period_grain,
    period_date
from reasons
where place = 1
