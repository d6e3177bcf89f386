{#- What is watched for drift, and how. -#}

{% macro drift_series() %}
    {#- {name: how it is compared}. docs/decisions/0102-drift-by-effect-sizes.md has where the bars come from.
        kind: data (what comes), model (what the champion says) or concept (how what comes and what is bought hang together).
        form: of its rows of counts: `shares` has a bin a row; the others one row: `count` is compared as ln(n), `odds` as the logit
        of n_chosen / n, `share` as it is, `mean` as value_sum / n, `chain` as the sum of the means so far, `figure` has its value
        and its variance.
        falls: only a fall counts. starts_after: days of the shop's history before it is compared: at first everybody and all is new.
        warn, error: bars on PSI (shares) or on the absolute difference (the others), on top of the shop's own greatest.
        relation: for shares whose relation to orders is watched as well, its bars. -#}
    {{ return({
        'customers': {'kind': 'data', 'form': 'count', 'warn': 0.4, 'error': 0.8},
        'events': {'kind': 'data', 'form': 'count', 'warn': 0.4, 'error': 0.8},
        'orders': {'kind': 'data', 'form': 'odds', 'warn': 0.4, 'error': 0.8},
        'event_kinds': {'kind': 'data', 'form': 'shares', 'warn': 0.1, 'error': 0.25},
        'visits': {'kind': 'data', 'form': 'shares', 'warn': 0.1, 'error': 0.25, 'relation': [0.05, 0.15]},
        'visit_size': {'kind': 'data', 'form': 'shares', 'warn': 0.1, 'error': 0.25, 'relation': [0.05, 0.15]},
        'visit_length': {'kind': 'data', 'form': 'shares', 'warn': 0.1, 'error': 0.25, 'relation': [0.05, 0.15]},
        'daypart': {'kind': 'data', 'form': 'shares', 'warn': 0.1, 'error': 0.25},
        'returning': {'starts_after': 56, 'kind': 'data', 'form': 'shares', 'warn': 0.1, 'error': 0.25, 'relation': [0.05, 0.15]},
        'families': {'kind': 'data', 'form': 'shares', 'warn': 0.1, 'error': 0.25, 'relation': [0.05, 0.15]},
        'price_level': {'kind': 'data', 'form': 'shares', 'warn': 0.1, 'error': 0.25, 'relation': [0.05, 0.15]},
        'prices': {'kind': 'data', 'form': 'chain', 'warn': 0.1, 'error': 0.25},
        'new_brands': {'starts_after': 56, 'kind': 'data', 'form': 'share', 'warn': 0.02, 'error': 0.1},
        'new_categories': {'starts_after': 56, 'kind': 'data', 'form': 'share', 'warn': 0.02, 'error': 0.1},
        'moved_products': {'kind': 'data', 'form': 'share', 'warn': 0.02, 'error': 0.1},
        'bots': {'kind': 'data', 'form': 'share', 'warn': 0.02, 'error': 0.1},
        'personas': {'kind': 'model', 'form': 'shares', 'warn': 0.05, 'error': 0.15},
        'persona_stays': {'falls': true, 'kind': 'model', 'form': 'share', 'warn': 0.05, 'error': 0.1},
        'margin': {'falls': true, 'kind': 'model', 'form': 'figure', 'warn': 0.1, 'error': 0.2},
        'confidence': {'falls': true, 'kind': 'model', 'form': 'figure', 'warn': 0.05, 'error': 0.1},
        'persona_auc': {'falls': true, 'kind': 'concept', 'form': 'figure', 'warn': 0.01, 'error': 0.02},
        'persona_habits': {'falls': true, 'kind': 'concept', 'form': 'figure', 'warn': 0.1, 'error': 0.2},
        'value_orders': {'kind': 'concept', 'form': 'figure', 'warn': 0.2, 'error': 0.4},
        'head_orders': {'kind': 'concept', 'form': 'figure', 'warn': 0.2, 'error': 0.4},
    }) }}
{% endmacro %}


{% macro drift_limits() %}
    {#- z: of the lower bounds, one-sided 95 %. periods_at_least: before a period, or it is too early. model_periods_at_least: of what a
        model says, which is held against the time of its fit. pooled: periods of the longer comparison. apart: between them.
        cycle: periods of a year. around: periods by which a season may be early or late. needed: what noise alone gives on average may
        be this part of a bar, else there is not enough: the mean of a PSI, the standard error of a figure (needed_of_figures). conditional: a shift is one of the inputs (or of the orders) alone when no
        more than this part of it is left when these are held. -#}
    {{ return({
        'z': 1.645, 'periods_at_least': 12, 'pooled': 4, 'apart': 12,
        'cycle': {'week': 52, 'month': 12}, 'around': {'week': 2, 'month': 1}, 'needed': 0.25, 'needed_of_figures': 0.5, 'conditional': 0.25,
    }) }}
{% endmacro %}


{% macro drift_settings_table() %}
    {#- A select: one row per series, as drift_series has them. -#}
    {% for name, series in clientele.drift_series().items() %}
    select
        cast('{{ name }}' as varchar(32)) as series,
        cast('{{ series['kind'] }}' as varchar(8)) as drift_kind,
        cast('{{ series['form'] }}' as varchar(8)) as form,
        {{ 1 if 'falls' in series else 0 }} as only_falls,
        {{ series.get('starts_after', 0) }} as starts_after_days,
        cast({{ series['warn'] }} as double precision) as warn_bar,
        cast({{ series['error'] }} as double precision) as error_bar,
        cast({{ series['relation'][0] if 'relation' in series else 'null' }} as double precision) as relation_warn_bar,
        cast({{ series['relation'][1] if 'relation' in series else 'null' }} as double precision) as relation_error_bar
    {{ 'union all' if not loop.last }}
    {% endfor %}
{% endmacro %}


{% macro newest_compared(drift) -%}
    {#- The newest week or month in which the series of a row of monitor.drift, `drift`, was compared: a row counts until its series is
        compared again. A period with a data error has a row of the feed alone, and a month that runs rows of what models say. -#}
    max({{ drift }}.period_date) over (partition by {{ drift }}.period_grain, {{ drift }}.series)
{%- endmacro %}
