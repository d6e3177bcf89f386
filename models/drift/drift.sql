{#- Grain: one whole week or month, kind (data, concept, model) and series: whether it drifted, and how, in a word:
    data_error, sudden, progressive, recurring, too_early, not_enough or none; `severity` says how far. Late data:
    built whole from counts that are kept, so a late or corrected file says what it would have said in time. -#}
{% set limits = clientele.drift_limits() %}
{% set span = limits['pooled'] + limits['apart'] - 1 %}

with

alarms as (
    select * from {{ ref('drift_alarms') }}
),

-- of the steps up to a period, the greatest that the longer comparison spans
spanned as (
    select
        levels.period_grain,
        levels.series,
        levels.period_date,
        max(steps.figure) as greatest_step,
        max(case when steps.is_alarm = 1 then steps.period_date end) as stepped_date
    from alarms as levels
    inner join alarms as steps
        on
            levels.period_grain = steps.period_grain
            and levels.series = steps.series
            and steps.comparison = 'step'
            and steps.period_number > levels.period_number - {{ span }}
            and levels.period_number >= steps.period_number
    where levels.comparison = 'level'
    group by levels.period_grain, levels.series, levels.period_date
),

worded as (
    select
        alarms.*,
        coalesce(seasons.n_cycles, 0) = 2 as is_season,
        case
            when alarms.comparison = 'step' then alarms.period_date
            when 2 * spanned.greatest_step >= alarms.figure then spanned.stepped_date
        end as since_date,
        coalesce(alarms.comparison = 'step' or 2 * spanned.greatest_step >= alarms.figure, false) as is_sudden
    from alarms
    left join spanned
        on
            alarms.period_grain = spanned.period_grain
            and alarms.series = spanned.series
            and alarms.period_date = spanned.period_date
            and alarms.comparison = 'level'
    left join {{ ref('drift_seasons') }} as seasons
        on
            alarms.period_grain = seasons.period_grain
            and alarms.series = seasons.series
            and alarms.period_date = seasons.period_date
            and alarms.comparison = seasons.comparison
),

ranked as (
    select
        worded.*,
        row_number() over (
            partition by worded.period_grain, worded.series, worded.period_date
            order by
                case worded.severity when 'error' then 0 when 'warn' then 1 else 2 end,
                case when worded.is_season then 0 else 1 end,
                case worded.comparison when 'step' then 0 else 1 end
        ) as place
    from worded
),

drifted as (
    select
        period_grain,
        period_date,
        drift_kind,
        series,
        case
            when is_season then 'recurring'
            when is_alarm = 1 and is_sudden then 'sudden'
            when is_alarm = 1 then 'progressive'
            when is_early = 1 then 'too_early'
            when is_enough = 0 then 'not_enough'
            else 'none'
        end as verdict,
        severity,
        case when is_alarm = 1 then shift_kind end as shift_kind,
        case when is_alarm = 1 then coalesce(since_date, period_date) end as since_date,
        comparison,
        n_now,
        n_before,
        figure,
        figure_lo,
        own_bar,
        bar
    from ranked
    where place = 1
),

faulty as (
    select
        period_grain,
        period_date,
        cast('data' as varchar(8)) as drift_kind,
        series,
        case when n_chosen > 0 then 'data_error' else 'none' end as verdict,
        case when value_sum > 0 then 'error' when n_chosen > 0 then 'warn' else 'none' end as severity,
        cast(null as varchar(16)) as shift_kind,
        case when n_chosen > 0 then period_date end as since_date,
        'days' as comparison,
        n as n_now,
        cast(null as bigint) as n_before,
        {{ clientele.double('n_chosen') }} as figure,
        {{ clientele.double('n_chosen') }} as figure_lo,
        cast(null as double precision) as own_bar,
        cast(0 as double precision) as bar
    from {{ ref('drift_counts') }}
    where series = 'feed'
)

select
    period_grain,
    period_date,
    drift_kind,
    series,
    cast(verdict as varchar(16)) as verdict,
    cast(severity as varchar(8)) as severity,
    shift_kind,
    since_date,
    cast(comparison as varchar(8)) as comparison,
    n_now,
    n_before,
    figure,
    figure_lo,
    own_bar,
    bar
from drifted
union all
select * from faulty
