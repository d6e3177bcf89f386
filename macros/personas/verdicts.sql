{#- Whose persona and how clearly, and nothing else: for histories, where nobody asks for reasons. -#}

{% macro persona_verdict_ctes(features, weights, name, key='user_sk') %}
    {#- CTEs that end in `<name>_verdicts`: the key, the segment_id whose score is lowest (ties to the lowest id), and the
        margin to the second lowest. The arguments are those of persona_score_ctes; `name` keeps several models apart in one statement. -#}
    {%- set places = range(1, clientele.setting('max_segments') + 1) -%}
{{ name }}_model as (
    select
        model_weights.*,
        dense_rank() over (order by model_weights.segment_id) as segment_place
    from {{ ref(weights) }} as model_weights
),

{{ clientele.linear_score_ctes(
    features, name ~ '_model', clientele.feature_names(), places | list, key=key, output='segment_place', absent='1e300', name=name
) }},

{{ name }}_places as (
    select
        scored.{{ key }},
        scored.lowest_score,
        {% for place in places -%}
        scored.score_{{ place }},
        {% endfor -%}
        case
            {% for place in places -%}
            when scored.score_{{ place }} = scored.lowest_score then {{ place }}
            {% endfor -%}
        end as segment_place
    from (
        select
            {{ name }}_scores.*,
            least({% for place in places %}score_{{ place }}{{ ', ' if not loop.last }}{% endfor %}) as lowest_score
        from {{ name }}_scores
    ) as scored
),

{{ name }}_verdicts as (
    select
        {{ name }}_places.{{ key }},
        personas.segment_id,
        least(
            {% for place in places -%}
            case when {{ name }}_places.segment_place = {{ place }} then 2e300 else {{ name }}_places.score_{{ place }} end
            {{- ',' if not loop.last }}
            {% endfor -%}
        ) - {{ name }}_places.lowest_score as margin
    from {{ name }}_places
    inner join (select distinct segment_place, segment_id from {{ name }}_model) as personas
        on {{ name }}_places.segment_place = personas.segment_place
)
{% endmacro %}
