{#- Grain: one series, whole week or month, and comparison, as core.drift_figures has them: the bar (the shop's own
    greatest difference between normal periods before, plus that of the series), and whether it is passed. Late data:
    built whole. -#}

with

figures as (
    select * from {{ ref('drift_figures') }}
),

{{ clientele.drift_own_bar_ctes('figures', ['period_grain', 'series', 'comparison']) }},

final as (
    select
        alarmed.*,
        greatest(coalesce(alarmed.own_bar, 0), 0) + alarmed.warn_bar as bar,
        case
            when alarmed.is_alarm = 0 then 'none'
            when alarmed.figure_lo > greatest(coalesce(alarmed.own_bar, 0), 0) + alarmed.error_bar then 'error'
            else 'warn'
        end as severity
    from alarmed
)

select * from final
