{#- What fits of heads hold, put together again: one statement for the heads of customers and for those of sessions. -#}

{% macro fitted_rows(fields, chosen) %}
    {#- Weights, cut points and cells of the heuristic, and parameters, of one fit. `fields`: the table of the fits;
        `chosen`: a relation or query with its fit_number. -#}
    {%- set kinds = ['weight', 'cut', 'cell', 'parameter'] %}
    select
        cast(together.row_kind as varchar(16)) as row_kind,
        cast(coalesce(together.output, '') as varchar(32)) as output,
        together.feature,
        together.feature_position,
        together.piece,
        together.weight,
        together.clip_lo,
        together.clip_hi,
        together.feature_mean
    from (
        {% for kind in kinds %}
        select
            {{ kind }}_rows.*,
            '{{ kind }}' as row_kind
        from (
            {{ clientele.fit_part(fields, kind, {
                'output': 'varchar(32)',
                'feature': 'varchar(64)',
                'feature_position': 'bigint',
                'piece': 'bigint',
                'weight': 'double precision',
                'clip_lo': 'double precision',
                'clip_hi': 'double precision',
                'feature_mean': 'double precision',
            }) }}
        ) as {{ kind }}_rows
        {{ 'union all' if not loop.last }}
        {% endfor %}
    ) as together
    inner join {{ chosen }} as chosen on together.fit_number = chosen.fit_number
{% endmacro %}


{% macro head_figures(fields) %}
    {#- The figures by which heads were judged, of all fits in `fields`. -#}
    select
        figures.fit_number,
        cast(figures.model_version as varchar(64)) as model_version,
        figures.head,
        figures.model,
        figures.compared_with,
        figures.origin,
        figures.metric,
        figures.value,
        figures.ci_lo,
        figures.ci_hi,
        figures.n_users
    from (
        {{ clientele.fit_part(fields, 'evaluation', {
            'head': 'varchar(32)',
            'model': 'varchar(32)',
            'compared_with': 'varchar(32)',
            'origin': 'varchar(32)',
            'metric': 'varchar(64)',
            'value': 'double precision',
            'ci_lo': 'double precision',
            'ci_hi': 'double precision',
            'n_users': 'bigint',
        }) }}
    ) as figures
{% endmacro %}


{% macro head_criteria(fields) %}
    {#- The criteria of the gates of heads, of all fits in `fields`. -#}
    select
        criteria.fit_number,
        criteria.head,
        criteria.criterion,
        criteria.compared_with,
        criteria.bar,
        criteria.value,
        criteria.ci_lo,
        criteria.ci_hi,
        criteria.outcome,
        criteria.reason
    from (
        {{ clientele.fit_part(fields, 'gate', {
            'head': 'varchar(32)',
            'criterion': 'varchar(64)',
            'compared_with': 'varchar(32)',
            'bar': 'double precision',
            'value': 'double precision',
            'ci_lo': 'double precision',
            'ci_hi': 'double precision',
            'outcome': 'varchar(16)',
            'reason': 'varchar(1024)',
        }) }}
    ) as criteria
{% endmacro %}
