{#- Grain: one series, whole week or month, and comparison: how far apart, the lower end of that, what chance alone
    gives, and which side moved. The relation of a series to orders is a series as well (visits_orders). Late data:
    built whole. -#}
{% set limits = clientele.drift_limits() %}
{% set alone = limits['conditional'] %}

with

periods as (
    select * from {{ ref('drift_periods') }}
),

of_shares as (
    select
        compared.*,
        periods.drift_kind,
        periods.warn_bar,
        periods.error_bar,
        periods.relation_warn_bar,
        periods.relation_error_bar,
        compared.moved_bin * sign(compared.moved_share) as direction,
        case
            when periods.relation_warn_bar is null then null
            when compared.left_given_inputs <= {{ alone }} * compared.divergence then 'covariate'
            when compared.left_given_orders <= {{ alone }} * compared.divergence then 'prior'
            else 'relation'
        end as shift_kind
    from {{ ref('drift_shares') }} as compared
    inner join periods
        on
            compared.period_grain = periods.period_grain
            and compared.series = periods.series
            and compared.period_date = periods.period_date
),

of_levels as (
    select
        levels.*,
        periods.drift_kind,
        periods.warn_bar,
        periods.error_bar,
        case when periods.only_falls = 1 then -levels.difference else abs(levels.difference) end as figure,
        -- more orders: of the same customers, or because others come?
        case when levels.series = 'orders' then by_visits.shift_kind end as shift_kind
    from {{ ref('drift_levels') }} as levels
    left join of_shares as by_visits
        on
            levels.period_grain = by_visits.period_grain
            and levels.period_date = by_visits.period_date
            and levels.comparison = by_visits.comparison
            and by_visits.series = 'visits'
    inner join periods
        on
            levels.period_grain = periods.period_grain
            and levels.series = periods.series
            and levels.period_date = periods.period_date
),

candidates as (
    select
        period_grain,
        series,
        drift_kind,
        period_date,
        period_number,
        comparison,
        n_now,
        n_before,
        psi as figure,
        psi_lo as figure_lo,
        psi_noise as noise,
        {{ limits['needed'] }} as needed,
        direction,
        shift_kind,
        warn_bar,
        error_bar
    from of_shares
    union all
    select
        period_grain,
        series || '_orders' as series,
        'concept' as drift_kind,
        period_date,
        period_number,
        comparison,
        n_now,
        n_before,
        relation as figure,
        relation_lo as figure_lo,
        relation_noise as noise,
        {{ limits['needed'] }} as needed,
        0 as direction,
        'relation' as shift_kind,
        relation_warn_bar as warn_bar,
        relation_error_bar as error_bar
    from of_shares
    where relation_warn_bar is not null
    union all
    select
        period_grain,
        series,
        drift_kind,
        period_date,
        period_number,
        comparison,
        n_now,
        n_before,
        figure,
        figure - {{ limits['z'] }} * standard_error as figure_lo,
        noise,
        {{ limits['needed_of_figures'] }} as needed,
        sign(difference) as direction,
        shift_kind,
        warn_bar,
        error_bar
    from of_levels
),

figures as (
    select
        period_grain,
        cast(series as varchar(32)) as series,
        cast(drift_kind as varchar(8)) as drift_kind,
        period_date,
        period_number,
        comparison,
        n_now,
        n_before,
        figure,
        figure_lo,
        noise,
        case when noise <= needed * warn_bar then 1 else 0 end as is_enough,
        case
            when comparison != 'fit' and period_number <= {{ limits['periods_at_least'] }} then 1
            else 0
        end as is_early,
        cast(direction as integer) as direction,
        cast(shift_kind as varchar(16)) as shift_kind,
        warn_bar,
        error_bar
    from candidates
)

select * from figures
