{#- Whose persona and how clearly, and nothing else: for histories, where nobody asks for reasons. -#}

{% macro persona_verdict_ctes(features, weights, name, key='user_sk') %}
    {#- CTEs that end in `<name>_verdicts`: the key, the segment_id whose score is lowest (ties to the lowest id), and the
        margin to the second lowest. The arguments are those of persona_score_ctes; `name` keeps several models apart in one statement. -#}
    {%- set places = clientele.segment_places(weights) -%}
{{ name }}_model as (
    {{ clientele.placed_weights(weights) }}
),

{{ clientele.persona_linear_ctes(features, name ~ '_model', places, key, name) }},

{{ name }}_lowest as (
    select
        {{ name }}_scores.*,
        {{ clientele.lowest_score(places) }} as lowest_score
    from {{ name }}_scores
),

{{ name }}_places as (
    select
        {{ name }}_lowest.*,
        {{ clientele.place_of_lowest(places) }} as segment_place
    from {{ name }}_lowest
),

{{ name }}_margins as (
    select
        {{ key }},
        segment_place,
        {{ clientele.second_lowest_score(places, 'segment_place') }} - lowest_score as margin
    from {{ name }}_places
),

{{ name }}_verdicts as (
    select
        {{ name }}_margins.{{ key }},
        personas.segment_id,
        {{ name }}_margins.margin
    from {{ name }}_margins
    inner join (select distinct segment_place, segment_id from {{ name }}_personas) as personas
        on {{ name }}_margins.segment_place = personas.segment_place
)
{% endmacro %}
