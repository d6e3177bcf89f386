{#- A deep challenger in SQL: before the personas are scored, the units of its layers are, each a linear score of the terms
    before it. As a term a unit is clipped at 0 from below (a rectifier), so that all of it is the linear scorer again
    (macros/learning/linear_scores.sql), layer after layer; the first layer reads features, each other one the layer before,
    the personas the last. A model without layers has no rows of units: they are 0. With the var deep_layers at none
    nothing of this is in any statement. -#}

{% macro unit_layers() %}
    {#- The units of each layer as terms, numbered through all layers: [['unit_1', …], ['unit_17', …]], or []. The same names
        are in clientele.personas.scoring. -#}
    {%- set layers, place = [], namespace(n=0) -%}
    {%- set sizes = clientele.setting('deep_layers') -%}
    {%- for size in (sizes.split(' ') if sizes != 'none' else []) -%}
        {%- set units = [] -%}
        {%- for unit in range(place.n + 1, place.n + (size | int) + 1) -%}{%- do units.append('unit_' ~ unit) -%}{%- endfor -%}
        {%- do layers.append(units) -%}
        {%- set place.n = place.n + (size | int) -%}
    {%- endfor -%}
    {{ return(layers) }}
{% endmacro %}


{% macro persona_linear_ctes(features, rows, places, key, name) %}
    {#- CTEs that end in `<name>_scores`, as of linear_score_ctes for personas: the key, a score for each of `places`, and
        x_1 … of the features of the catalog, then of the last layer's units. With layers there are also the units'
        own columns, before they are clipped, and `<name>_layer_1_weights` and so on. `features`: a CTE with the key and
        the features. `rows`: one with a model's rows: segment_place of a persona, and the number of a unit below 0 in
        segment_id. -#}
    {%- set names, layers = clientele.feature_names(), clientele.unit_layers() -%}
    {%- set seen, personas = [], name ~ '_personas' -%}
    {%- for units in layers -%}
        {%- set layer, outputs = name ~ '_layer_' ~ loop.index, [] -%}
        {%- for unit in units -%}{%- do outputs.append(-(unit[5:] | int)) -%}{%- endfor -%}
{{ clientele.linear_score_ctes(
    features if loop.first else name ~ '_layer_' ~ loop.index0 ~ '_units', rows,
    names if loop.first else layers[loop.index0 - 1], outputs,
    key=[key] + names + seen, output='segment_id', absent='0e0', name=layer
) }},

{{ layer }}_units as (
    select
        {{ key }},
        {% for column in names + seen -%}
        {{ column }},
        {% endfor -%}
        {% for unit in units -%}
        score_{{ loop.index }} as {{ unit }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ layer }}_scores
),

        {%- for unit in units -%}{%- do seen.append(unit) -%}{%- endfor %}

{% endfor -%}
{{ personas }} as (
    select * from {{ rows }} where segment_id > 0
),

{{ clientele.linear_score_ctes(
    name ~ '_layer_' ~ (layers | length) ~ '_units' if layers else features, personas,
    names + (layers[-1] if layers else []), places | list,
    key=([key] + seen) if layers else key, output='segment_place', absent='1e300', name=name
) }}
{% endmacro %}


{% macro unit_effect_ctes(name, base) %}
    {#- CTEs that end in `unit_effects`: the rows of `base` (the units' columns, and d_1 …: of the terms of the personas the
        difference of two personas' weights), and effect_<unit>: how much of a difference of scores a unit's input
        makes. What a clip lets through of a change from the mean is its share of the change (DeepLIFT's rescale rule),
        so that the parts of the features add up to the whole. -#}
    {%- set layers, n_names = clientele.unit_layers(), clientele.feature_names() | length -%}
    {%- for number in range(layers | length, 0, -1) -%}
        {%- set is_last = number == layers | length -%}
        {%- set above = (name if is_last else name ~ '_layer_' ~ (number + 1)) ~ '_weights' -%}
        {%- set first = n_names if is_last else 0 -%}
{{ 'unit_effects' if number == 1 else 'unit_effects_' ~ number }} as (
    select
        below.*,
        {% for unit in layers[number - 1] -%}
        {%- set place = first + loop.index -%}
        {%- if is_last %}
        below.d_{{ place }}
        {%- else %}
        {%- set of_unit = loop.index %}
        (
            {% for upper in layers[number] -%}
            below.effect_{{ upper }} * {{ above }}.w_{{ loop.index }}_{{ of_unit }}{{ ' +' if not loop.last }}
            {% endfor %}
        )
        {%- endif %} * {{ clientele._change_through(
            'below.' ~ unit, above ~ '.mean_' ~ place, above ~ '.lo_' ~ place, above ~ '.hi_' ~ place
        ) }} as effect_{{ unit }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ base if is_last else 'unit_effects_' ~ (number + 1) }} as below
    cross join {{ above }}
),

{% endfor -%}
{% endmacro %}


{% macro _change_through(score, mean, low, high) -%}
    case
        when {{ score }} = {{ mean }}
            then case when {{ score }} > {{ low }} and {{ score }} < {{ high }} then 1e0 else 0e0 end
        else
            (
                least(greatest({{ score }}, {{ low }}), {{ high }})
                - least(greatest({{ mean }}, {{ low }}), {{ high }})
            ) / ({{ score }} - {{ mean }})
    end
{%- endmacro %}
