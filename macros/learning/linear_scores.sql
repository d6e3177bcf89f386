{#- The linear scorer in SQL. A model is rows of weights: for each output an intercept, and a weight for each term, which
    is a feature clipped to a range; a feature may have several (its pieces). The sum runs in the order of the features
    and pieces: floats are added in the same order in clientele.learning.linear_rows, so that both give the same bits.
    Weights become columns of one row first: joining users to rows of weights would make a row for every user, output and
    term, and add them up in no fixed order. -#}

{% macro linear_score_ctes(
    features, weights, names, outputs, key='user_sk', pieces=1, output='output', absent='0e0', name='linear'
) %}
    {#- CTEs that end in `<name>_scores`: key, x_1..n (the terms) and score_1..m, one for each of `outputs`. Without
        a row of weights there is no row. Before it stands `<name>_weights`, one row: intercept_i, w_i_j, lo_j, hi_j,
        mean_j, n_weights. `features`: a CTE with the key (a column or a list of them) and the features of `names`. `weights`: a CTE with the columns
        of a weight row (of one model), of which `output` says whose it is. An output without rows scores `absent`. -#}
    {%- set terms = clientele._linear_terms(names, pieces) -%}
-- one row: every weight under a name of its own
{{ name }}_weights as (
    select
        {% for value in outputs -%}
        {%- set place = loop.index -%}
        {%- set is_own = output ~ ' = ' ~ clientele._literal(value) -%}
        coalesce(max(case when {{ is_own }} and feature_position = 0 then weight end), {{ absent }})
            as intercept_{{ place }},
        {% for term in terms -%}
        coalesce(max(case when {{ is_own }} and {{ term.is_its }} then weight end), 0e0) as w_{{ place }}_{{ loop.index }},
        {% endfor -%}
        {% endfor -%}
        {% for term in terms -%}
        coalesce(max(case when {{ term.is_its }} then clip_lo end), 0e0) as lo_{{ loop.index }},
        coalesce(max(case when {{ term.is_its }} then clip_hi end), 0e0) as hi_{{ loop.index }},
        coalesce(max(case when {{ term.is_its }} then feature_mean end), 0e0) as mean_{{ loop.index }},
        {% endfor -%}
        count(*) as n_weights
    from {{ weights }}
),

{{ name }}_terms as (
    {{ clientele._clipped_terms(features, key, terms, name ~ '_weights') }}
    where {{ name }}_weights.n_weights > 0
),

{{ name }}_scores as (
    select
        {{ name }}_terms.*,
        {% for value in outputs -%}
        {%- set place = loop.index -%}
        {{ name }}_weights.intercept_{{ place }}
        {%- for term in terms %}
            + {{ name }}_weights.w_{{ place }}_{{ loop.index }} * {{ name }}_terms.x_{{ loop.index }}
        {%- endfor %}
            as score_{{ place }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ name }}_terms
    cross join {{ name }}_weights
)
{% endmacro %}


{% macro linear_score_row_ctes(
    features, weights, names, key='user_sk', pieces=1, link='identity', name='linear'
) %}
    {#- CTEs that end in `<name>_scores`, long: key, output, score and prediction (the score through the link). For
        outputs that are not known when the SQL is written, as families of a shop; few of them, as each is a row of
        its own for every user. The other arguments are those of linear_score_ctes. -#}
    {%- set terms = clientele._linear_terms(names, pieces) -%}
-- one row for each output: every weight under a name of its own
{{ name }}_weights as (
    select
        output,
        coalesce(max(case when feature_position = 0 then weight end), 0e0) as intercept,
        {% for term in terms -%}
        coalesce(max(case when {{ term.is_its }} then weight end), 0e0) as w_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ weights }}
    group by output
),

{{ name }}_bounds as (
    select
        {% for term in terms -%}
        coalesce(max(case when {{ term.is_its }} then clip_lo end), 0e0) as lo_{{ loop.index }},
        coalesce(max(case when {{ term.is_its }} then clip_hi end), 0e0) as hi_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ weights }}
),

{{ name }}_terms as (
    {{ clientele._clipped_terms(features, key, terms, name ~ '_bounds') }}
),

{{ name }}_sums as (
    select
        {{ name }}_terms.{{ key }},
        {{ name }}_weights.output,
        {{ name }}_weights.intercept
        {%- for term in terms %}
            + {{ name }}_weights.w_{{ loop.index }} * {{ name }}_terms.x_{{ loop.index }}
        {%- endfor %}
            as score
    from {{ name }}_terms
    cross join {{ name }}_weights
),

{{ name }}_scores as (
    select
        {{ key }},
        output,
        score,
        {{ clientele.linear_link('score', link) }} as prediction
    from {{ name }}_sums
)
{% endmacro %}


{% macro linear_link(score, link) -%}
    {#- A prediction from a score. exp() of more than 709 is an error on one engine and infinite on the other. -#}
    {%- set bounded = 'least(greatest(' ~ score ~ ', -700e0), 700e0)' -%}
    {%- if link == 'identity' -%} {{ score }}
    {%- elif link == 'logit' -%} 1e0 / (1e0 + exp(-{{ bounded }}))
    {%- elif link == 'exp' -%} exp({{ bounded }})
    {%- else -%}
        {{ clientele.refuse("linear_link: link must be identity, logit or exp; got '" ~ link ~ "'") }}
    {%- endif -%}
{%- endmacro %}


{% macro _linear_terms(names, pieces) -%}
    {#- Every piece of every feature, in the order in which they are added up. -#}
    {#- While dbt parses nobody knows the features yet. -#}
    {%- if execute and (names | length == 0 or pieces < 1) -%}
        {{ clientele.refuse('linear_scores: names must not be empty and pieces at least 1; got '
            ~ names | length ~ ' names and ' ~ pieces ~ ' pieces') }}
    {%- endif -%}
    {%- set terms = [] -%}
    {%- for feature in names -%}
        {%- for piece in range(1, pieces + 1) -%}
            {%- set is_its = "feature = '" ~ feature ~ "'" ~ (' and piece = ' ~ piece if pieces > 1 else '') -%}
            {%- do terms.append({'feature': feature, 'is_its': is_its}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(terms) -}}
{%- endmacro %}


{% macro _clipped_terms(features, key, terms, bounds) -%}
    select
        {% for column in ([key] if key is string else key) -%}
        features.{{ column }},
        {% endfor -%}
        {% for term in terms -%}
        least(greatest(features.{{ term.feature }}, {{ bounds }}.lo_{{ loop.index }}), {{ bounds }}.hi_{{ loop.index }})
            as x_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ features }} as features
    cross join {{ bounds }}
{%- endmacro %}


{% macro _literal(value) -%}
    {{- return(value | string if value is number else "'" ~ (value | replace("'", "''")) ~ "'") -}}
{%- endmacro %}
