{#- Grain: one thing that products may lack, figure (events or revenue), persona (0: the whole shop) and value: its
    share where products that lack it are left out, and where they have what was drawn for them, with an interval of
    95 % over the draws (Rubin 1987, without a variance within: the figure is one of the shop as it was). Of the last
    365 days. -#}
{% set attributes = clientele.imputed_attributes() %}
{% set cell_columns = ['lack_kind', 'segment_id', 'figure', 'imputed_value'] %}

with

{{ clientele.human_event_ctes() }},

{{ clientele.imputed_amount_ctes() }},

lacking as (
    select distinct product_id, lack_kind from {{ ref('item_imputations') }}
),

-- of the products with a value of their own, and of the others draw by draw
amounts as (
    {% for lack_kind, name in attributes.items() %}
    select
        cast('{{ lack_kind }}' as varchar(32)) as lack_kind,
        met.segment_id,
        met.figure,
        0 as draw,
        cast({{ name }} as varchar(256)) as imputed_value,
        sum(met.amount) as amount
    from met
    inner join {{ ref('product_taxonomy') }} as products on met.product_id = products.product_id
    where {{ name }} is not null and '{{ lack_kind }}' in (select lacking.lack_kind from lacking)
    group by met.segment_id, met.figure, {{ name }}
    union all
    {% endfor %}
    select
        imputations.lack_kind,
        met.segment_id,
        met.figure,
        imputations.draw,
        imputations.imputed_value,
        sum(met.amount) as amount
    from met
    inner join {{ ref('item_imputations') }} as imputations on met.product_id = imputations.product_id
    where imputations.draw > 0
    group by imputations.lack_kind, met.segment_id, met.figure, imputations.draw, imputations.imputed_value
),

draws as (
    {% for draw in range(1, clientele.n_draws() + 1) %}
    select {{ draw }} as draw
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

named as (
    select distinct lack_kind, segment_id, figure, imputed_value from amounts
),

of_draw as (
    select
        named.lack_kind,
        named.segment_id,
        named.figure,
        named.imputed_value,
        draws.draw,
        coalesce(own.amount, 0) as own_amount,
        coalesce(own.amount, 0) + coalesce(drawn.amount, 0) as amount
    from named
    cross join draws
    left join amounts as own
        on own.draw = 0 and {{ clientele.same_columns('named', 'own', cell_columns) }}
    left join amounts as drawn
        on
            draws.draw = drawn.draw
            and {{ clientele.same_columns('named', 'drawn', cell_columns) }}
),

shares as (
    {%- set cell = 'partition by of_draw.lack_kind, of_draw.segment_id, of_draw.figure, of_draw.draw' %}
    select
        of_draw.*,
        {{ clientele.double('of_draw.own_amount') }} / nullif(sum(of_draw.own_amount) over ({{ cell }}), 0)
            as own_share,
        {{ clientele.double('of_draw.amount') }} / nullif(sum(of_draw.amount) over ({{ cell }}), 0) as share_of_draw
    from of_draw
),

combined as (
    {%- set share = 'coalesce(share_of_draw, 0)' %}
    select
        lack_kind,
        segment_id,
        figure,
        imputed_value,
        max(own_share) as known_share,
        {{ clientele.double('sum(' ~ clientele.exact(share) ~ ')') }} / {{ clientele.n_draws() }} as imputed_share,
        {{ clientele.double('sum(' ~ clientele.exact(share ~ ' * ' ~ share) ~ ')') }} as sum_squared
    from shares
    group by lack_kind, segment_id, figure, imputed_value
),

spread as (
    select
        combined.*,
        {%- set squared_mean = clientele.n_draws() ~ ' * combined.imputed_share * combined.imputed_share' %}
        -- of nine degrees of freedom, and with a tenth more for the mean itself
        2.262157e0 * sqrt(
            greatest(combined.sum_squared - {{ squared_mean }}, 0e0)
            / {{ clientele.n_draws() - 1 }} * {{ 1 + 1 / clientele.n_draws() }}
        ) as half
    from combined
),

final as (
    select
        lack_kind,
        figure,
        segment_id,
        imputed_value,
        known_share,
        imputed_share,
        greatest(imputed_share - half, 0e0) as lo_95,
        least(imputed_share + half, 1e0) as hi_95
    from spread
)

select * from final
