{#- Grain: one product, with its canonical category, brand and price as on the first day it was seen. Pinned to that
    day, because shops move whole categories (REES46 in December 2019) and a product must not change family with them.
    Late data: a product is looked at again when a day up to its first one has changed. Each step reads the events
    again: DuckDB keeps a common table expression that is used three times in memory, with every row. -#}
-- depends_on: {{ ref('touched_days') }}
-- depends_on: {{ ref('event_files') }}
{{ config(
    materialized='incremental', incremental_strategy='touched_products', post_hook='{{ clientele.mark_load() }}'
) }}
{% set event_date = 'cast(events.event_at as date)' %}
{% set ln_price = clientele.exact('ln(' ~ clientele.double('events.price') ~ ')') %}

with

touched as (
    select event_date from {{ ref('touched_days') }} where last_load_id > {{ clientele.taken_in() }}
),

known as (
    {% if is_incremental() %}
    select product_id, first_seen_date from {{ this }}
    {% else %}
    select cast(null as bigint) as product_id, cast(null as date) as first_seen_date where 1 = 0
    {% endif %}
),

seen as (
    select events.product_id, min({{ event_date }}) as first_seen_date
    from {{ ref('events') }} as events
    {% if is_incremental() %}
    where
        events.event_at >= (select min(event_date) from touched)
        and events.event_at < (select {{ dbt.dateadd('day', 1, 'max(event_date)') }} from touched)
        and {{ event_date }} in (select event_date from touched)
    {% endif %}
    group by events.product_id
),

-- Products that a replaced file took their first day from: their next day is anywhere.
orphaned as (
    select known.product_id
    from known
    inner join touched on known.first_seen_date = touched.event_date
    left join seen on known.product_id = seen.product_id
    where seen.product_id is null or seen.first_seen_date > known.first_seen_date
),

found_again as (
    select events.product_id, min({{ event_date }}) as first_seen_date
    from {{ ref('events') }} as events
    inner join orphaned on events.product_id = orphaned.product_id
    group by events.product_id
),

looked_at as (
    select seen.product_id, seen.first_seen_date
    from seen
    left join known on seen.product_id = known.product_id
    left join orphaned on seen.product_id = orphaned.product_id
    where
        orphaned.product_id is null
        and (known.product_id is null or seen.first_seen_date <= known.first_seen_date)
    union all
    select product_id, first_seen_date from found_again
),

first_day_events as (
    select
        events.product_id,
        looked_at.first_seen_date as event_date,
        events.category_id,
        events.category_code,
        events.brand,
        count(*) as n_events,
        sum(case when events.price > 0 then 1 else 0 end) as n_priced,
        sum(case when events.price > 0 then {{ ln_price }} else 0 end) as sum_ln_price
    from {{ ref('events') }} as events
    inner join looked_at on events.product_id = looked_at.product_id and {{ event_date }} = looked_at.first_seen_date
    group by events.product_id, looked_at.first_seen_date, events.category_id, events.category_code, events.brand
),

measured as (
    select
        product_id,
        event_date as first_seen_date,
        sum(n_priced) as n_priced,
        sum(sum_ln_price) as sum_ln_price
    from first_day_events
    group by product_id, event_date
),

{% for attribute in ['category_id', 'category_code', 'brand'] %}
{{ attribute }}_counts as (
    select product_id, {{ attribute }}, sum(n_events) as n_events
    from first_day_events
    where {{ attribute }} is not null
    group by product_id, {{ attribute }}
),

{{ attribute }}_ranked as (
    select
        product_id,
        {{ attribute }},
        row_number() over (partition by product_id order by n_events desc nulls last, {{ attribute }} asc) as place
    from {{ attribute }}_counts
),

{% endfor %}
described as (
    select
        measured.product_id,
        measured.first_seen_date,
        category_id_ranked.category_id,
        category_code_ranked.category_code,
        brand_ranked.brand,
        case
            when measured.n_priced > 0
                then {{ clientele.double('measured.sum_ln_price') }} / {{ clientele.double('measured.n_priced') }}
        end as mean_ln_price
    from measured
    {% for attribute in ['category_id', 'category_code', 'brand'] %}
    left join {{ attribute }}_ranked
        on measured.product_id = {{ attribute }}_ranked.product_id and {{ attribute }}_ranked.place = 1
    {% endfor %}
)

select * from described
