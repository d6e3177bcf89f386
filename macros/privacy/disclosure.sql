{#- The smallest group that a published table may speak of, in one place. -#}

{#- What a published table of groups may tell. A mart about nobody in particular ends with published_cells(); each of its
    columns says in its yml, under meta, how it is protected (disclosure_kinds). Why these rules, and what they do not
    stop: docs/decisions/0018-published-cells.md. -#}

{% macro disclosure_kinds() %}
    {{ return({
        'label': 'published as it is: keys, names, texts, and numbers that no customer moves',
        'size': 'the number of customers in the cell; one such column a table',
        'figure': 'a number made from the cell''s customers, or from those counted in the column that `of` names',
    }) }}
{% endmacro %}


{% macro cell_step() %}
    {#- Customers are counted in steps of half the smallest cell: a step that is seen may come from any number of
        customers from 1 to one less than the smallest cell. Where half is no round number (1, 2 and 5 times a power of
        ten), the next one: figures move in such steps, and visitors of a cell would else be more than its customers. -#}
    {%- set half = clientele.setting('min_cell_users') // 2 -%}
    {%- set steps = [] -%}
    {%- for power in range(6) -%}{%- for digit in [1, 2, 5] -%}{%- do steps.append(digit * 10 ** power) -%}{%- endfor -%}{%- endfor -%}
    {{ return(steps | select('ge', half) | first) }}
{% endmacro %}


{% macro published_cells(cells, keys, within=[], columns=none) %}
    {#- The rows of `cells`, a CTE, that may be published, with the columns of this model's yml.
        Small cells are left out, and one more where what is left would give them away: among the cells that share
        `within`, those hidden are at least two and hold at least the smallest cell's customers together. Figures `of`
        another count are empty where that count would be hidden. What is left is rounded to a step: of `limit`, the
        column with as much of one customer as counts (macros/privacy/limits.sql); without it, what cell_step() customers
        make in it, or the customer who counts most (`largest`); `like` takes another column's step. -#}
    {%- set columns = columns or model.columns -%}
    {%- set tags = {} -%}
    {%- for name, column in columns.items() -%}{%- do tags.update({name: clientele._tags(column)}) -%}{%- endfor -%}
    {%- set size = namespace(name='') -%}
    {%- for name in tags if tags[name].get('disclosure') == 'size' -%}{%- set size.name = name -%}{%- endfor -%}
    {%- if not execute or clientele.setting('min_cell_users') < 2 %}
    select {{ columns.keys() | join(', ') or '*' }} from {{ cells }}
    {%- else -%}
        {%- if not size.name -%}
            {{ clientele.refuse(
                "published_cells: no column of '" ~ model.name ~ "' has meta disclosure: size, the number of customers in a cell"
            ) }}
        {%- endif -%}
        {%- set bases = [size.name] -%}
        {%- for tag in tags.values() if tag.get('of') and tag['of'] not in bases -%}{%- do bases.append(tag['of']) -%}{%- endfor %}
    select
        {% for name, tag in tags.items() -%}
        {% if tag.get('disclosure') == 'size' -%}
        cast({{ clientele.round_to_step(name, clientele.cell_step()) }} as {{ columns[name].data_type }}) as {{ name }}
        {%- elif tag.get('disclosure') == 'figure' -%}
        case
            when not hides_{{ tag.get('of') or size.name }}
                then cast({{ clientele.round_to_step(name, 'step_' ~ (tag.get('like') or name)) }} as {{ columns[name].data_type }})
        end as {{ name }}
        {%- else -%}
        {{ name }}
        {%- endif -%}
        {{ ',' if not loop.last }}
        {% endfor %}
    from (
        select
            measured.*
            {%- for name, tag in tags.items() if tag.get('disclosure') == 'figure' and not tag.get('like') %},
            {{ clientele.round_number_above('extent_' ~ name) }} as step_{{ name }}
            {%- endfor %}
        from (
            select
                judged.*
                {%- for name, tag in tags.items() if tag.get('disclosure') == 'figure' and not tag.get('like') %},
                {% if tag.get('limit') %}coalesce({{ clientele.double('judged.' ~ tag['limit']) }}, {% endif -%}
                greatest(
                    {{ clientele.cell_step() }} * abs({{ clientele.double('judged.' ~ name) }})
                    / nullif({{ clientele.double('judged.' ~ (tag.get('of') or size.name)) }}, 0),
                    {{ clientele.double('judged.' ~ tag['largest']) if tag.get('largest') else 0 }}
                ){{ ')' if tag.get('limit') }} as extent_{{ name }}
                {%- endfor %}
            from {{ clientele._judged_cells(cells, bases, keys, within) }} as judged
        ) as measured
    ) as stepped
    where not hides_{{ size.name }}
    {%- endif -%}
{% endmacro %}


{% macro _judged_cells(cells, bases, keys, within) %}
    {#- The cells with hides_<base> for each count: too small, or the smallest that is not beside too little that is. -#}
    {%- if not bases -%}{{ return(cells) }}{%- endif -%}
    {%- set base = bases[-1] -%}
    {%- set partition = 'partition by ' ~ within | join(', ') if within else '' -%}
    {%- set is_small -%}
        {{ base }} is null or not {{ clientele.is_publishable(base) }}{% if bases | length > 1 %} or hides_{{ bases[0] }}{% endif %}
    {%- endset -%}
    {%- set judged -%}
    (
        select
            counted_{{ base }}.*,
            is_small_{{ base }} or (
                place_{{ base }} = 1 and n_small_{{ base }} > 0
                and n_in_small_{{ base }} < {{ clientele.setting('min_cell_users') }}
            ) as hides_{{ base }}
        from (
            select
                marked_{{ base }}.*,
                sum(case when is_small_{{ base }} then 1 else 0 end) over ({{ partition }}) as n_small_{{ base }},
                sum(case when is_small_{{ base }} then coalesce({{ base }}, 0) else 0 end)
                    over ({{ partition }}) as n_in_small_{{ base }},
                row_number() over (
                    partition by {{ (within + ['is_small_' ~ base]) | join(', ') }}
                    order by {{ base }}, {{ keys | join(', ') }}
                ) as place_{{ base }}
            from (
                select cells.*, ({{ is_small }}) as is_small_{{ base }}
                from {{ clientele._judged_cells(cells, bases[:-1], keys, within) }} as cells
            ) as marked_{{ base }}
        ) as counted_{{ base }}
    )
    {%- endset -%}
    {{ return(judged) }}
{% endmacro %}


{% macro round_to_step(value, step) -%}
    {#- The nearest multiple of a step, the one away from zero where two are near; the value itself without a step.
        Spelled out, because the engines' ROUND settles a half in different ways; and a value within a millionth of
        a step of the middle counts as the middle, or the last digit of a float would decide. -#}
    coalesce(
        round(
            sign({{ clientele.double(value) }})
            * floor(round(abs({{ clientele.double(value) }}) / {{ step }}, 6) + 0.5) * {{ step }},
            9
        ),
        {{ clientele.double(value) }}
    )
{%- endmacro %}


{% macro round_number_above(extent) -%}
    {#- The smallest of 1, 2 and 5 times a power of ten that is not below a positive extent; nothing for zero. -#}
    {%- set power = 'power(10, floor(ln(' ~ extent ~ ') / ln(10)))' -%}
    case
        when {{ extent }} > 0 then {{ power }} * case
            when {{ extent }} <= {{ power }} then 1
            when {{ extent }} <= 2 * {{ power }} then 2
            when {{ extent }} <= 5 * {{ power }} then 5
            else 10
        end
    end
{%- endmacro %}


{% macro share_in_steps(part, whole) -%}
    {#- The part of a group that is in another count, to a hundredth: of counts in steps, so that nobody can see what
        one customer does; empty for a group that is too small. -#}
    case
        when {{ clientele.is_publishable(whole) }} then {{ clientele.double('round('
            ~ clientele.round_to_step(part, clientele.cell_step()) ~ ' / '
            ~ clientele.round_to_step(whole, clientele.cell_step()) ~ ', 2)') }}
    end
{%- endmacro %}


{% macro is_publishable(n_users) -%}
    {#- Whether a group of `n_users` (an expression) is large enough: the var min_cell_users. -#}
    {{ n_users }} >= {{ clientele.setting('min_cell_users') }}
{%- endmacro %}
