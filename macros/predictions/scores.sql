{#- From rows of weights to what is said of a customer. -#}

{% macro order_heads() %}
    {#- Outputs of the model of orders and spend: chances first, amounts after. -#}
    {%- set heads = [] -%}
    {%- for horizon in clientele.prediction_horizons() -%}{%- do heads.append('order_' ~ horizon ~ 'd') -%}{%- endfor -%}
    {{ return(heads + ['spend_30d', 'spend_90d']) }}
{% endmacro %}


{% macro heuristic_ctes(features, weights, heads=none, columns=['recency_ln', 'orders_ln', 'events_30d_ln'], key='user_sk') %}
    {#- CTEs that end in `heuristics`: for each row of `features` (named by `key`) the rate of its cell under the name of each
        head. Cells are numbered by the row's place along each of three columns, a digit of base 8 for each. `heads`:
        those of orders and spend, or others. -#}
cuts as (
    select
        {% for column in columns -%}
        {% for place in range(1, 8) -%}
        max(case when feature = '{{ column }}' and feature_position = {{ place }} then weight end) as {{ column }}_{{ place }},
        {% endfor -%}
        {% endfor -%}
        count(*) as n_cuts
    from {{ weights }}
    where row_kind = 'cut'
),

cell_rates as (
    select
        feature_position as cell,
        {% for head in heads or clientele.order_heads() -%}
        max(case when output = '{{ head }}' then weight end) as {{ head }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ weights }}
    where row_kind = 'cell'
    group by feature_position
),

placed as (
    select
        {% for column in ([key] if key is string else key) -%}
        features.{{ column }},
        {% endfor -%}
        {% for column in columns -%}
        {{ [64, 8, 1][loop.index0] }} * (
            {% for place in range(1, 8) -%}
            case when features.{{ column }} >= cuts.{{ column }}_{{ place }} then 1 else 0 end{{ ' + ' if not loop.last }}
            {% endfor -%}
        ) {{ '+ ' if not loop.last }}
        {%- endfor %} as cell
    from {{ features }} as features
    cross join cuts
),

heuristics as (
    select
        {% for column in ([key] if key is string else key) -%}
        placed.{{ column }},
        {% endfor -%}
        cell_rates.*
    from placed
    left join cell_rates on placed.cell = cell_rates.cell
)
{%- endmacro %}


{% macro day_of_share(share) -%}
    {#- SQL: the day by which an order has come with a chance of `share`, from columns chance_<h> that never fall; a horizon
        that is refused is empty and passed over. Empty: beyond the last one. Between horizons the chance grows evenly. -#}
    {%- set horizons = clientele.prediction_horizons() -%}
    case
        {% for horizon in horizons -%}
        {%- set earlier = horizons[:loop.index0] | reverse | list -%}
        {%- set before -%}
            coalesce({% for one in earlier %}chance_{{ one }}, {% endfor %}0e0)
        {%- endset -%}
        {%- set start -%}
            {% if earlier %}case {% for one in earlier %}when chance_{{ one }} is not null then {{ one }}e0 {% endfor %}else 0e0 end{% else %}0e0{% endif %}
        {%- endset -%}
        when chance_{{ horizon }} >= {{ share }}
            then {{ start }} + ({{ horizon }} - {{ start }}) * ({{ share }} - {{ before }}) / (chance_{{ horizon }} - {{ before }})
        {% endfor %}
    end
{%- endmacro %}


{% macro two_digits(value) -%}
    {#- SQL: an amount with two significant digits: no sum that somebody could look up in a till. -#}
    case
        when {{ value }} != 0
            then {{ clientele.round_to_step(value, 'power(10, floor(ln(abs(' ~ value ~ ')) / ln(10)) - 1)') }}
        else {{ value }}
    end
{%- endmacro %}


{% macro reason_ctes(scores, weights, features, place, key='user_sk') %}
    {#- CTEs that end in `told`: the key, and the two features that move the score number `place` most away from that of a
        customer who is average in everything, with their direction (high or low). `scores`, `weights`: what
        linear_score_ctes leaves of `features` and `key`. -#}
    {%- set keys = [key] if key is string else key -%}
moved as (
    select
        {% for column in keys -%}
        {{ scores }}.{{ column }},
        {% endfor -%}
        {% for feature in features -%}
        {%- set first = 4 * loop.index0 + 1 -%}
        {% for term in range(first, first + 4) -%}
        {{ weights }}.w_{{ place }}_{{ term }} * ({{ scores }}.x_{{ term }} - {{ weights }}.mean_{{ term }}){{ ' + ' if not loop.last }}
        {%- endfor %} as by_{{ loop.index }},
        {% for term in range(first, first + 4) -%}
        {{ scores }}.x_{{ term }} - {{ weights }}.mean_{{ term }}{{ ' + ' if not loop.last }}
        {%- endfor %} as above_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ scores }}
    cross join {{ weights }}
),

most as (
    select
        moved.*,
        greatest({% for feature in features %}abs(by_{{ loop.index }}){{ ', ' if not loop.last }}{% endfor %}) as first_by
    from moved
),

named as (
    select
        most.*,
        case {% for feature in features %}when abs(by_{{ loop.index }}) = first_by then {{ loop.index }} {% endfor %}end as first_place
    from most
),

second as (
    select
        named.*,
        greatest({% for feature in features %}case when first_place = {{ loop.index }} then 0 else abs(by_{{ loop.index }}) end{{ ', ' if not loop.last }}{% endfor %})
            as second_by
    from named
),

told as (
    select
        {{ keys | join(', ') }},
        {% for place, condition in [('first', ''), ('second', 'not first_place = {} and ')] -%}
        cast(case
            when {{ place }}_by = 0 then null
            {% for feature in features -%}
            when {{ condition | replace('{}', loop.index) }}abs(by_{{ loop.index }}) = {{ place }}_by then '{{ feature }}'
            {% endfor -%}
        end as varchar(32)) as {{ place }}_feature,
        case
            {% for feature in features -%}
            when {{ condition | replace('{}', loop.index) }}abs(by_{{ loop.index }}) = {{ place }}_by
                then case when above_{{ loop.index }} >= 0 then 'high' else 'low' end
            {% endfor -%}
        end as {{ place }}_direction{{ ',' if not loop.last }}
        {% endfor %}
    from second
)
{%- endmacro %}


{% macro monotone_chance(horizon) -%}
    {#- SQL: the chance of an order within a horizon, from columns p_<h>: never below that within fewer days. -#}
    case
        when p_{{ horizon }} is not null
            then greatest(p_{{ horizon }}
                {%- for one in clientele.prediction_horizons() if one < horizon %}, coalesce(p_{{ one }}, 0e0){% endfor %})
    end
{%- endmacro %}
