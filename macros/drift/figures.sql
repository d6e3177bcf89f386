{#- Arithmetic of drift. -#}

{% macro drift_divergence(share, other_share) -%}
    {#- One bin's part of the symmetric divergence of two distributions: (p - q) ln(p / q). -#}
    (({{ share }}) - ({{ other_share }})) * ln(({{ share }}) / ({{ other_share }}))
{%- endmacro %}


{% macro drift_value() -%}
    {#- The figure of a row of totals, by the form of its series. -#}
    case
        when form = 'count' then ln({{ clientele.double('n') }})
        when form = 'odds' then ln((n_chosen + 0.5) / (n - n_chosen + 0.5))
        when form = 'share' then {{ clientele.double('n_chosen') }} / n
        when form in ('mean', 'chain') then value_sum / n
        else value_sum
    end
{%- endmacro %}


{% macro drift_variance() -%}
    {#- Its variance; that of a share never below what one case more would make. -#}
    case
        when form = 'count' then 1 / {{ clientele.double('n') }}
        when form = 'odds' then 1 / (n_chosen + 0.5) + 1 / (n - n_chosen + 0.5)
        when form = 'share' then
            ({{ clientele.double('n_chosen') }} + 1) * ({{ clientele.double('n') }} - n_chosen + 1)
            / (({{ clientele.double('n') }} + 2) * ({{ clientele.double('n') }} + 2) * n)
        when form in ('mean', 'chain') then
            greatest(value_squares / n - (value_sum / n) * (value_sum / n), 0) / n
        else value_squares
    end
{%- endmacro %}


{% macro drift_own_bar_ctes(figures, keys, rounds=3) %}
    {#- CTEs that end in `alarmed`: the rows of `figures` (a CTE with comparison, period_number, figure, figure_lo, is_enough, warn_bar)
        with own_bar, the greatest lower end of a figure among earlier normal periods, and is_alarm (0 or 1). Lower ends, as chance is
        taken off the figure that is judged, too: what is left is how much the shop really moves. What is an alarm was no normal period:
        so alarms are found, then those that the first ones hid, and so on. A comparison with the fit has no bar of its own. -#}
{% for round in range(rounds) %}
{%- set before = figures if loop.first else 'alarms_' ~ loop.index0 -%}
{%- set normal = 'figure_lo' if loop.first else 'case when is_alarm = 0 then figure_lo end' -%}
bars_{{ loop.index }} as (
    select
        {{ clientele.drift_figure_columns() | join(', ') }},
        case
            when comparison = 'step' then max({{ normal }}) over (
                partition by {{ keys | join(', ') }}
                order by period_number rows between unbounded preceding and 1 preceding
            )
            -- neighbours share periods
            when comparison = 'level' then max({{ normal }}) over (
                partition by {{ keys | join(', ') }}
                order by period_number rows between unbounded preceding and {{ clientele.drift_limits()['apart'] }} preceding
            )
        end as own_bar
    from {{ before }}
),

{{ 'alarmed' if loop.last else 'alarms_' ~ loop.index }} as (
    select
        bars_{{ loop.index }}.*,
        case
            when is_enough = 1 and is_early = 0 and figure_lo > greatest(coalesce(own_bar, 0), 0) + warn_bar then 1
            else 0
        end as is_alarm
    from bars_{{ loop.index }}
){{ ',' if not loop.last }}
{% endfor %}
{% endmacro %}


{% macro drift_figure_columns() %}
    {{ return([
        'period_grain', 'series', 'drift_kind', 'period_date', 'period_number', 'comparison', 'n_now', 'n_before', 'figure', 'figure_lo',
        'noise', 'is_enough', 'is_early', 'direction', 'shift_kind', 'warn_bar', 'error_bar',
    ]) }}
{% endmacro %}
