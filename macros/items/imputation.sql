{#- The family of a product from its company, in SQL; the arithmetic is that of clientele.items.coviews. -#}

{% macro family_draw_ctes() %}
    {#- CTEs over the rows of weights of the fit in `heads`: `outputs` (lack_kind, draw, output, intercept, power) and
        `weights` (lack_kind, draw, output, beside, weight). -#}
draw_fields as (
    select fields.*
    from {{ ref('item_fit_fields') }} as fields
    where fields.part = 'family_draw' and fields.fit_number in (select fit_number from heads)
),

outputs as (
    select
        row_position,
        cast(max(case when field = 'attribute' then text_value end) as varchar(32)) as lack_kind,
        cast(max(case when field = 'draw' then number_value end) as integer) as draw,
        cast(max(case when field = 'output' then text_value end) as varchar(256)) as output,
        max(case when field = 'intercept' then number_value end) as intercept,
        max(case when field = 'power' then number_value end) as power
    from draw_fields
    group by row_position
),

weights as (
    select
        outputs.lack_kind,
        outputs.draw,
        outputs.output,
        cast(substring(draw_fields.field, 3, 256) as varchar(256)) as beside,
        draw_fields.number_value as weight
    from draw_fields
    inner join outputs on draw_fields.row_position = outputs.row_position
    where draw_fields.field like 'w:%'
)
{% endmacro %}


{% macro imputation_ctes(lacking, counts) %}
    {#- CTEs that end in `imputed`. `lacking`: product_id and lack_kind; `counts`: product_id, lack_kind, beside,
        n_beside. A sum of fixed-point numbers is the same in any order of rows. -#}
totals as (
    select product_id, lack_kind, sum(n_beside) as n_all
    from {{ counts }}
    group by product_id, lack_kind
),

bent as (
    select
        counts.product_id,
        weights.lack_kind,
        weights.draw,
        weights.output,
        sum({{ clientele.fine(
            'weights.weight * ' ~ clientele.double('counts.n_beside')
            ~ ' / power(' ~ clientele.double('totals.n_all') ~ ', outputs.power)'
        ) }}) as told
    from {{ counts }} as counts
    inner join totals on counts.product_id = totals.product_id and counts.lack_kind = totals.lack_kind
    inner join weights on counts.lack_kind = weights.lack_kind and counts.beside = weights.beside
    inner join outputs
        on
            weights.lack_kind = outputs.lack_kind
            and weights.draw = outputs.draw
            and weights.output = outputs.output
    group by counts.product_id, weights.lack_kind, weights.draw, weights.output
),

scored as (
    select
        lacking.product_id,
        outputs.lack_kind,
        outputs.draw,
        outputs.output,
        outputs.intercept + coalesce({{ clientele.double('bent.told') }}, 0e0) as score
    from {{ lacking }} as lacking
    inner join outputs on lacking.lack_kind = outputs.lack_kind
    left join bent
        on
            lacking.product_id = bent.product_id
            and outputs.lack_kind = bent.lack_kind
            and outputs.draw = bent.draw
            and outputs.output = bent.output
),

raised as (
    select
        scored.*,
        exp(greatest(score - max(score) over (partition by product_id, lack_kind, draw), -700e0)) as weight
    from scored
),

chances as (
    select
        raised.product_id,
        raised.lack_kind,
        raised.draw,
        raised.output,
        {{ clientele.fine(
            'raised.weight / ' ~ clientele.double(
                'sum(' ~ clientele.fine('raised.weight') ~ ') over (partition by product_id, lack_kind, draw)'
            )
        ) }} as chance
    from raised
),

{{ clientele._drawn_ctes() }}
{% endmacro %}


{% macro _drawn_ctes() %}
    {#- CTEs over `chances` that end in `imputed`. -#}
placed as (
    select
        chances.*,
        sum(chance) over (
            partition by product_id, lack_kind, draw
            order by output rows between unbounded preceding and current row
        ) - chance as below,
        row_number() over (
            partition by product_id, lack_kind, draw order by chance desc nulls last, output asc
        ) as place,
        {{ clientele.uniform(['product_id', 'lack_kind', 'draw']) }} as uniform
    from chances
),

-- the last imputed_value whose chances before it do not reach the number
reached as (
    select
        placed.*,
        row_number() over (
            partition by product_id, lack_kind, draw order by below desc nulls last, output desc nulls last
        ) as place_reached
    from placed
    where below <= uniform
),

imputed as (
    select
        product_id,
        lack_kind,
        draw,
        output as imputed_value,
        {{ clientele.double('chance') }} as chance
    from placed
    where draw = 0 and place = 1
    union all
    select
        product_id,
        lack_kind,
        draw,
        output as imputed_value,
        {{ clientele.double('chance') }} as chance
    from reached
    where draw > 0 and place_reached = 1
)
{% endmacro %}


{% macro fine(expression) -%}
    {#- As clientele.exact, with fifteen decimals. -#}
    cast(round({{ expression }}, 15) as decimal(38, 15))
{%- endmacro %}


{% macro uniform(columns) -%}
    {#- A number from 0 to 1, the same for the same values on either engine: 60 bits of their md5. -#}
    {%- set parts = [] -%}
    {%- for column in columns -%}{%- do parts.append('cast(' ~ column ~ ' as varchar(64))') -%}{%- endfor -%}
    {{ clientele.double(clientele.hex_to_integer('md5(' ~ parts | join(" || ':' || ") ~ ')')) }} / 1152921504606846976e0
{%- endmacro %}


{% macro same_columns(left_alias, right_alias, columns) -%}
    {#- Columns that are never empty are the same. -#}
    {%- for column in columns -%}
        {{ left_alias }}.{{ column }} = {{ right_alias }}.{{ column }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{% macro imputed_amount_ctes() %}
    {#- CTEs that end in `met`: segment_id (0: everybody), product_id, figure (events or revenue) and amount, of the
        last 365 days, of customers who may be profiled. A persona is one that its customers have now. -#}
people as (
    select
        shop_users.user_sk,
        coalesce(segments.segment_id, 0) as segment_id
    from {{ ref('user_segments') }} as segments
    inner join {{ ref('users') }} as shop_users on segments.user_key = shop_users.user_key
),

by_product as (
    select
        people.segment_id,
        human_events.product_id,
        {{ clientele.double('count(*)') }} as n_events,
        {{ clientele.double("sum(case when event_type = 'purchase' then " ~ clientele.line_value() ~ " else 0 end)") }}
            as revenue
    from human_events
    inner join people on human_events.user_sk = people.user_sk
    cross join {{ ref('item_request') }} as request
    where
        {{ clientele.as_flag('human_events.event_at > ' ~ dbt.dateadd('day', -365, 'request.as_of_date')) }}
        and exists (select 1 from {{ ref('item_imputations') }})
    group by people.segment_id, human_events.product_id
),

met as (
    {% for figure, amount in {'events': 'n_events', 'revenue': 'revenue'}.items() %}
    {% for segment in ['0', 'segment_id'] %}
    select
        {{ segment }} as segment_id,
        product_id,
        cast('{{ figure }}' as varchar(16)) as figure,
        cast({{ amount }} as decimal(24, 4)) as amount
    from by_product
    where {{ amount }} > 0{{ ' and segment_id > 0' if segment != '0' }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)
{% endmacro %}
