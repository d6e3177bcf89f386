{#- Scoring in plain SQL. Everything after the clip is affine, so a persona's score is an intercept plus a weighted sum;
    the lowest wins, ties go to the lowest id. -#}

{% macro weight_fields() %}
    {#- The columns of a weight and their types: one row per persona and feature. -#}
    {{ return({
        'segment_id': 'integer',
        'feature': 'varchar(256)',
        'feature_position': 'integer',
        'weight': 'double precision',
        'feature_mean': 'double precision',
        'clip_lo': 'double precision',
        'clip_hi': 'double precision',
    }) }}
{% endmacro %}


{% macro weights_of(flag) %}
    {#- CTEs that end in `weights_of_model`: the weights of the fit that segment_models marks with `flag`. Ids are for
        ever and may have gaps; segment_position counts the personas of the model from 1 in the order of their ids. -#}
fits as (
    {{ clientele.fit_part(ref('persona_fit_fields'), 'weight', clientele.weight_fields()) }}
),

chosen as (
    select fit_number from {{ ref('segment_models') }} where {{ flag }} and model_status != 'none'
),

weights_of_model as (
    select
        fits.model_version,
        fits.segment_id,
        case
            when fits.segment_id > 0
                then cast(
                    dense_rank() over (partition by fits.segment_id > 0 order by fits.segment_id) as integer
                )
        end as segment_position,
        fits.feature,
        fits.feature_position,
        fits.weight,
        fits.feature_mean,
        fits.clip_lo,
        fits.clip_hi
    from fits
    inner join chosen on fits.fit_number = chosen.fit_number
)
{% endmacro %}


{% macro persona_score_ctes(features, weights='segment_weights') %}
    {#- CTEs that end in `persona_scores`: user_sk, segment_id, runner_up_segment_id, margin, reason_feature_1..3 and
        is_above_mean_1..3. `features`: a CTE with user_sk and the features of the catalog. `weights`: the name of
        a model with the columns of segment_weights: one model's rows, or none. -#}
    {%- set names = clientele.feature_names() -%}
    {%- set places = clientele.segment_places(weights) -%}
-- a persona's place among those of the model: ids may be any numbers, and the lowest still wins a tie
weights as (
    {{ clientele.placed_weights(weights) }}
),

-- at a place that the model does not fill the score is never the lowest
{{ clientele.persona_linear_ctes(features, 'weights', places, 'user_sk', 'linear') }},

{{ clientele._best_place_ctes(names, places) }},

{{ clientele._reason_ctes(names) }}

persona_scores as (
    select
        user_sk,
        segment_id,
        runner_up_segment_id,
        margin,
        {% for place in [1, 2, 3] -%}
        case
            {% for name in names -%}
            when place_{{ place }} = {{ loop.index }} then '{{ name }}'
            {% endfor -%}
        end as reason_feature_{{ place }},
        case
            {% for name in names -%}
            when place_{{ place }} = {{ loop.index }} then x_{{ loop.index }} >= mean_{{ loop.index }}
            {% endfor -%}
        end as is_above_mean_{{ place }}{{ ',' if not loop.last }}
        {% endfor %}
    from top_3
)
{% endmacro %}


{% macro segment_places(weights) %}
    {#- The numbers of the places of personas: as many as the var allows and as the tiers are; more where the model was fitted
        when the var was larger. A place too many costs time, one too few is another persona for whoever belongs there. -#}
    {%- set most = [clientele.setting('max_segments'), 3] -%}
    {%- if execute and model.resource_type == 'model' -%}
        {%- set held = load_relation(ref(weights)) -%}
        {%- if held -%}
            {%- do most.append(run_query('select count(distinct segment_id) from ' ~ held ~ ' where segment_id > 0').columns[0].values()[0] | int) -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(range(1, most | max + 1)) }}
{% endmacro %}


{% macro placed_weights(weights) -%}
    {#- The rows of a model with segment_place, the place of a persona among those of the model; of units it is none. -#}
    select
        model_weights.*,
        case
            when model_weights.segment_id > 0
                then dense_rank() over (
                    partition by model_weights.segment_id > 0 order by model_weights.segment_id
                )
        end as segment_place
    from {{ ref(weights) }} as model_weights
{%- endmacro %}


{% macro lowest_score(places) -%}
    least({% for place in places %}score_{{ place }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}


{% macro place_of_lowest(places) -%}
    {#- The place whose score is `lowest_score`; of equal ones the first. -#}
    case
        {% for place in places -%}
        when score_{{ place }} = lowest_score then {{ place }}
        {% endfor -%}
    end
{%- endmacro %}


{% macro second_lowest_score(places, first) -%}
    {#- The lowest score but that at the place `first`, a column. -#}
    least(
        {% for place in places -%}
        case when {{ first }} = {{ place }} then 2e300 else score_{{ place }} end{{ ',' if not loop.last }}
        {% endfor -%}
    )
{%- endmacro %}


{% macro _best_place_ctes(names, places) %}
    {#- CTEs that end in `ranked`: each user's best and second place by `linear_scores`, and the margin between them. -#}
won as (
    select
        linear_scores.*,
        {{ clientele.lowest_score(places) }} as lowest_score
    from linear_scores
),

named as (
    select
        won.*,
        {{ clientele.place_of_lowest(places) }} as first_place
    from won
),

seconded as (
    select
        named.*,
        {{ clientele.second_lowest_score(places, 'first_place') }} as second_score
    from named
),

ranked as (
    select
        user_sk,
        first_place,
        case
            {% for segment in places -%}
            when first_place != {{ segment }} and score_{{ segment }} = second_score then {{ segment }}
            {% endfor -%}
        end as second_place,
        second_score - lowest_score as margin,
        {% for unit in clientele.unit_layers() | sum(start=[]) -%}
        {{ unit }},
        {% endfor -%}
        {% for name in names -%}
        x_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from seconded
)
{% endmacro %}


{% macro _contribution_ctes(names) %}
    {#- CTEs that end in `contributions`: of each feature, c_1_<place>, what it makes of the margin. -#}
    {%- set layers = clientele.unit_layers() -%}
    {%- set terms = names + (layers[-1] if layers else []) -%}
-- what speaks for the persona and against the runner-up: (w_2nd - w_1st) * (x - mean), feature by feature
segment_weight_rows as (
    select
        segment_place,
        segment_id,
        {% for term in terms -%}
        coalesce(max(case when feature = '{{ term }}' then weight end), 0e0) as w_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from linear_personas
    group by segment_place, segment_id
),

weight_differences as (
    select
        winner.segment_place as first_place,
        runner_up.segment_place as second_place,
        winner.segment_id,
        runner_up.segment_id as runner_up_segment_id,
        {% for term in terms -%}
        runner_up.w_{{ loop.index }} - winner.w_{{ loop.index }} as d_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from segment_weight_rows as winner
    cross join segment_weight_rows as runner_up
),

opposed as (
    select
        ranked.*,
        weight_differences.segment_id,
        weight_differences.runner_up_segment_id,
        {% for term in terms -%}
        weight_differences.d_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from ranked
    inner join weight_differences
        on ranked.first_place = weight_differences.first_place and ranked.second_place = weight_differences.second_place
),

{{ clientele.unit_effect_ctes('linear', 'opposed') }}

contributions as (
    select
        told.*,
        {% for name in names -%}
        {%- set place = loop.index -%}
        linear_weights.mean_{{ place }},
        {% if layers -%}
        (
            told.d_{{ place }}
            {%- for unit in layers[0] %}
            + told.effect_{{ unit }} * linear_layer_1_weights.w_{{ loop.index }}_{{ place }}
            {%- endfor %}
        )
        {%- else -%}
        told.d_{{ place }}
        {%- endif %} * (told.x_{{ place }} - linear_weights.mean_{{ place }})
            as c_1_{{ place }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ 'unit_effects' if layers else 'opposed' }} as told
    cross join linear_weights
    {% if layers -%}
    cross join linear_layer_1_weights
    {%- endif %}
),
{% endmacro %}


{% macro _reason_ctes(names) %}
    {#- CTEs that end in `top_3`: the three features that speak most for the best place against the second. -#}
{{ clientele._contribution_ctes(names) }}

-- the three largest, one after the other: what has been taken is out of the contest for the next place
{% for place in [1, 2, 3] %}
{% if place > 1 %}
left_{{ place }} as (
    select
        top_{{ place - 1 }}.*,
        {% for name in names -%}
        {%- set contender = 'c_' ~ (place - 1) ~ '_' ~ loop.index -%}
        case when place_{{ place - 1 }} = {{ loop.index }} then -2e300 else {{ contender }} end
            as c_{{ place }}_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from top_{{ place - 1 }}
),

{% endif %}
top_{{ place }} as (
    select
        contenders.*,
        case
            {% for name in names -%}
            when c_{{ place }}_{{ loop.index }} = highest_{{ place }} then {{ loop.index }}
            {% endfor -%}
        end as place_{{ place }}
    from (
        select
            *,
            greatest({% for name in names %}c_{{ place }}_{{ loop.index }}{{ ', ' if not loop.last }}{% endfor %})
                as highest_{{ place }}
        from {{ 'contributions' if place == 1 else 'left_' ~ place }}
    ) as contenders
),

{% endfor %}
{% endmacro %}


{% macro kept_score_ctes(eligible, weights) %}
    {#- CTEs that end in `kept_scores`: the scores of the rows of `eligible` (user_sk and the features of the catalog) with
        one model's rows, for a model that is a table of nothing else. A score of the last build stays when it was given
        to the same features by the same model: only who changed is scored. A full refresh scores everybody. -#}
    {%- set columns = {
        'user_sk': 'bigint', 'segment_id': 'integer', 'runner_up_segment_id': 'integer', 'margin': 'double precision'
    } -%}
    {%- for place in [1, 2, 3] -%}
        {%- do columns.update({'reason_feature_' ~ place: 'varchar(64)', 'is_above_mean_' ~ place: 'boolean'}) -%}
    {%- endfor -%}
    {%- do columns.update({'features_hash': 'bigint', 'model_version': 'varchar(64)'}) -%}
model as (
    select max(model_version) as model_version from {{ ref(weights) }}
),

hashed as (
    select
        eligible_users.*,
        {{ clientele.row_hash(clientele.feature_names()) }} as features_hash,
        model.model_version
    from {{ eligible }} as eligible_users
    cross join model
    where model.model_version is not null
),

earlier as (
    {{ clientele.previous_rows(this.identifier, this.database, this.schema, columns, is_read=not flags.FULL_REFRESH) }}
),

unchanged as (
    select {% for column in columns %}earlier.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
    from earlier
    inner join hashed
        on
            earlier.user_sk = hashed.user_sk
            and earlier.features_hash = hashed.features_hash
            and earlier.model_version = hashed.model_version
),

changed as (
    select hashed.*
    from hashed
    left join unchanged on hashed.user_sk = unchanged.user_sk
    where unchanged.user_sk is null
),

{{ clientele.persona_score_ctes('changed', weights) }},

kept_scores as (
    select {{ columns.keys() | join(', ') }} from unchanged
    union all
    select
        {% for column, type in columns.items() -%}
        cast({{ 'changed' if column in ['features_hash', 'model_version'] else 'persona_scores' }}.{{ column }} as {{ type }})
            as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from persona_scores
    inner join changed on persona_scores.user_sk = changed.user_sk
)
{% endmacro %}
