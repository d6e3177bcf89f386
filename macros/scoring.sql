{#- Scoring in plain SQL. Everything after the clip is affine, so a persona's score is an intercept plus a weighted sum;
    the lowest wins, ties go to the lowest id. The sum runs in the order of the features: floats are added in the same
    order in clientele.segmentation.score, so that both give the same bits. -#}

{% macro persona_score_ctes(features) %}
    {#- CTEs that end in `persona_scores`: user_sk, segment_id, runner_up_segment_id, margin, reason_feature_1..3 and
        is_above_mean_1..3. `features`: a CTE with user_sk and the features of the catalog. -#}
    {%- set names = clientele.feature_names() -%}
    {%- set segments = range(1, clientele.setting('max_segments') + 1) -%}
weights as (
    select * from {{ ref('segment_weights') }}
),

-- one row: every weight under a name of its own; a persona that the champion does not have never has the lowest score
weight_columns as (
    select
        {% for segment in segments -%}
        coalesce(max(case when segment_id = {{ segment }} and feature_position = 0 then weight end), 1e300)
            as intercept_{{ segment }},
        {% for name in names -%}
        coalesce(max(case when segment_id = {{ segment }} and feature = '{{ name }}' then weight end), 0e0)
            as w_{{ segment }}_{{ loop.index }},
        {% endfor -%}
        {% endfor -%}
        {% for name in names -%}
        coalesce(max(case when feature = '{{ name }}' then clip_lo end), 0e0) as lo_{{ loop.index }},
        coalesce(max(case when feature = '{{ name }}' then clip_hi end), 0e0) as hi_{{ loop.index }},
        coalesce(max(case when feature = '{{ name }}' then feature_mean end), 0e0) as mean_{{ loop.index }},
        {% endfor -%}
        count(*) as n_weights
    from weights
),

clipped as (
    select
        features.user_sk,
        {% for name in names -%}
        least(greatest(features.{{ name }}, weight_columns.lo_{{ loop.index }}), weight_columns.hi_{{ loop.index }})
            as x_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ features }} as features
    cross join weight_columns
    where weight_columns.n_weights > 0
),

scored as (
    select
        clipped.*,
        {% for segment in segments -%}
        weight_columns.intercept_{{ segment }}
        {%- for name in names %} + weight_columns.w_{{ segment }}_{{ loop.index }} * clipped.x_{{ loop.index }}{% endfor %}
            as score_{{ segment }}{{ ',' if not loop.last }}
        {% endfor %}
    from clipped
    cross join weight_columns
),

won as (
    select
        scored.*,
        least({% for segment in segments %}score_{{ segment }}{{ ', ' if not loop.last }}{% endfor %}) as lowest_score
    from scored
),

named as (
    select
        won.*,
        case
            {% for segment in segments -%}
            when score_{{ segment }} = lowest_score then {{ segment }}
            {% endfor -%}
        end as segment_id
    from won
),

seconded as (
    select
        named.*,
        least(
            {% for segment in segments -%}
            case when segment_id = {{ segment }} then 2e300 else score_{{ segment }} end{{ ',' if not loop.last }}
            {% endfor -%}
        ) as second_score
    from named
),

ranked as (
    select
        user_sk,
        segment_id,
        case
            {% for segment in segments -%}
            when segment_id != {{ segment }} and score_{{ segment }} = second_score then {{ segment }}
            {% endfor -%}
        end as runner_up_segment_id,
        second_score - lowest_score as margin,
        {% for name in names -%}
        x_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from seconded
),

-- what speaks for the persona and against the runner-up: (w_2nd - w_1st) * (x - mean), feature by feature
segment_weight_rows as (
    select
        segment_id,
        {% for name in names -%}
        coalesce(max(case when feature = '{{ name }}' then weight end), 0e0) as w_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from weights
    group by segment_id
),

contributions as (
    select
        ranked.*,
        {% for name in names -%}
        ranked.x_{{ loop.index }} >= weight_columns.mean_{{ loop.index }} as is_above_{{ loop.index }},
        (runner_up.w_{{ loop.index }} - winner.w_{{ loop.index }})
            * (ranked.x_{{ loop.index }} - weight_columns.mean_{{ loop.index }})
            as c_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from ranked
    cross join weight_columns
    inner join segment_weight_rows as winner on ranked.segment_id = winner.segment_id
    inner join segment_weight_rows as runner_up on ranked.runner_up_segment_id = runner_up.segment_id
),

{% for place in [1, 2, 3] %}
top_{{ place }} as (
    select
        contenders.*,
        case
            {% for name in names -%}
            {%- set position = loop.index -%}
            when c_{{ position }} = highest_{{ place }}
            {%- for earlier in range(1, place) %} and place_{{ earlier }} != {{ position }}{% endfor %} then {{ position }}
            {% endfor -%}
        end as place_{{ place }}
    from (
        select
            *,
            greatest(
                {% for name in names -%}
                {%- set position = loop.index -%}
                {%- if place == 1 %}c_{{ position }}{% else -%}
                case
                    when {% for earlier in range(1, place) %}place_{{ earlier }} != {{ position }}
                        {{- ' and ' if not loop.last }}{% endfor %} then c_{{ position }}
                end
                {%- endif %}{{ ',' if not loop.last }}
                {% endfor -%}
            ) as highest_{{ place }}
        from {{ 'contributions' if place == 1 else 'top_' ~ (place - 1) }}
    ) as contenders
),

{% endfor %}
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
            when place_{{ place }} = {{ loop.index }} then is_above_{{ loop.index }}
            {% endfor -%}
        end as is_above_mean_{{ place }}{{ ',' if not loop.last }}
        {% endfor %}
    from top_3
)
{% endmacro %}


{% macro lifecycle_state(as_of_at) -%}
    {#- The rules (RFM) that the personas are measured against: from recency, tenure and orders alone. -#}
    case
        when {{ dbt.datediff('last_event_at', as_of_at, 'day') }} > {{ clientele.setting('lapsed_days') }} then 'lapsed'
        when {{ dbt.datediff('last_event_at', as_of_at, 'day') }} > {{ clientele.setting('at_risk_days') }} then 'at_risk'
        when n_orders >= {{ clientele.setting('loyal_orders') }} then 'loyal'
        when {{ dbt.datediff('first_event_at', as_of_at, 'day') }} <= {{ clientele.setting('new_days') }} then 'new'
        when n_orders = 0 then 'browser_only'
        else 'active'
    end
{%- endmacro %}
