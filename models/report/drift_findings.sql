{#- Grain: one whole week or month, kind and series of what is watched for drift, in words alone: of the newest week and
    month every series, of those before (half a year of weeks, a year and a half of months) what was a finding. Figures
    stay in monitor.drift. Late data: built whole in each run. -#}

with

newest as (
    select
        period_grain,
        max(period_date) as newest_date
    from {{ ref('drift') }}
    group by period_grain
),

final as (
    select
        drift.period_grain,
        drift.period_date,
        drift.drift_kind,
        drift.series,
        drift.verdict,
        drift.severity,
        cast(drift.shift_kind as varchar(16)) as shift_kind,
        cast(drift.since_date as date) as since_date,
        drift.period_date = newest.newest_date as is_newest
    from {{ ref('drift') }} as drift
    inner join newest on drift.period_grain = newest.period_grain
    where
        drift.period_date = newest.newest_date
        or (
            (drift.severity != 'none' or drift.verdict = 'recurring')
            and drift.period_date > case
                when drift.period_grain = 'week' then {{ dbt.dateadd('week', -26, 'newest.newest_date') }}
                else {{ dbt.dateadd('month', -18, 'newest.newest_date') }}
            end
        )
)

select * from final
