{#- Grain: one whole week or month, kind and series of what is watched for drift, in words alone: of each series the
    newest week and month in which it was compared, and of those before (half a year of weeks, a year and a half of
    months) what was a finding. Figures stay in monitor.drift. Late data: built whole in each run. -#}

with

placed as (
    select
        drift.*,
        max(drift.period_date) over (partition by drift.period_grain) as newest_date,
        {{ clientele.newest_compared('drift') }} as newest_of_series
    from {{ ref('drift') }} as drift
),

final as (
    select
        period_grain,
        period_date,
        drift_kind,
        series,
        verdict,
        severity,
        cast(shift_kind as varchar(16)) as shift_kind,
        cast(since_date as date) as since_date,
        period_date = newest_of_series as is_newest
    from placed
    where
        period_date = newest_of_series
        or (
            (severity != 'none' or verdict = 'recurring')
            and period_date > case
                when period_grain = 'week' then {{ dbt.dateadd('week', -26, 'newest_date') }}
                else {{ dbt.dateadd('month', -18, 'newest_date') }}
            end
        )
)

select * from final
