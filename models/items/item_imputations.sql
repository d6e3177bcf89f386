{#- Grain: one product that lacks its category family or brand (lack_kind), and draw: 0 is the most likely value, 1 to
    10 are drawn by their chances. From the products that were seen in the same sessions, all of them. The model is rows
    of weights; SQL gives what clientele.items.coviews gives. Draws depend on the product alone. Late data: built whole
    in each run. -#}
{% set attributes = clientele.imputed_attributes() %}

with

heads as (
    select * from {{ ref('item_heads') }} where scored_by = 'model'
),

{{ clientele.family_draw_ctes() }},

{{ clientele.visit_ctes() }},

known as (
    {% for lack_kind, name in attributes.items() %}
    select
        product_id,
        cast('{{ lack_kind }}' as varchar(32)) as lack_kind,
        cast({{ name }} as varchar(256)) as imputed_value
    from {{ ref('product_taxonomy') }}
    where '{{ lack_kind }} imputation' in (select heads.subject from heads)
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

company as (
    select
        seen.user_sk,
        seen.session_sk,
        seen.local_date,
        known.lack_kind,
        known.imputed_value,
        count(*) as n_products
    from seen
    inner join known on seen.product_id = known.product_id
    inner join outputs
        on
            known.lack_kind = outputs.lack_kind
            and known.imputed_value = outputs.output
            and outputs.draw = 0
    group by seen.user_sk, seen.session_sk, seen.local_date, known.lack_kind, known.imputed_value
),

lacking as (
    select product_id, lack_kind from known where imputed_value is null
),

counts as (
    select
        lacking.product_id,
        lacking.lack_kind,
        company.imputed_value as beside,
        sum(company.n_products) as n_beside
    from lacking
    inner join seen on lacking.product_id = seen.product_id
    inner join company
        on
            seen.user_sk = company.user_sk
            and seen.session_sk = company.session_sk
            and seen.local_date = company.local_date
            and lacking.lack_kind = company.lack_kind
    group by lacking.product_id, lacking.lack_kind, company.imputed_value
),

{{ clientele.imputation_ctes('lacking', 'counts') }}

select * from imputed
