{#- Grain: one product of one session (visit) of a sample of customers, at most some 20,000 of them, with what is
    known of the product. Empty unless a fit is due. Late data: built whole in each run. -#}

with

request as (
    select * from {{ ref('item_request') }} where is_due and imputation = 'on'
),

{{ clientele.visit_ctes() }},

people as (
    select distinct seen.user_sk
    from seen
    cross join request
),

chosen as (
    {{ clientele.sampled('people', 20000) }}
),

visits as (
    select
        seen.user_sk,
        seen.product_id,
        dense_rank() over (order by seen.user_sk, seen.session_sk, seen.local_date) as visit
    from seen
    inner join chosen on seen.user_sk = chosen.user_sk
),

final as (
    select
        visits.user_sk,
        cast(visits.visit as bigint) as visit,
        visits.product_id,
        {% for attribute, known in clientele.imputed_attributes().items() %}
        cast({{ known }} as varchar(256)) as {{ attribute }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from visits
    inner join {{ ref('product_taxonomy') }} as products on visits.product_id = products.product_id
)

select * from final
