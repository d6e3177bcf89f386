{#- Grain: one origin (30, 60 or 90 days before the day after the build's), kind of list and way to make it: of the
    customers of the sample who ordered within thirty days, how many bought one of the three products in their next
    order. Late data: built whole in each run. -#}

with

hits as (
    select * from {{ ref('list_hits') }}
),

named as (
    select
        hits.*,
        substring(hits.kind, 1, case when hits.kind like 'again%' then 5 else 3 end) as list_kind,
        case
            when hits.kind = 'again_own' then 'own_history'
            when hits.kind like '%popular' then 'popular'
            when hits.kind like '%neighbours' then 'neighbours'
            else 'published'
        end as list_source
    from hits
),

final as (
    select
        origin_date,
        cast(list_kind as varchar(8)) as kind,
        cast(list_source as varchar(16)) as list_source,
        cast(count(*) as bigint) as n_users,
        {{ clientele.double('sum(is_hit)') }} / count(*) as hit_rate,
        cast(sum(case when is_buyer then 1 else 0 end) as bigint) as n_buyers,
        {{ clientele.double('sum(case when is_buyer then is_hit else 0 end)') }}
        / nullif(sum(case when is_buyer then 1 else 0 end), 0) as buyer_hit_rate
    from named
    group by origin_date, list_kind, list_source
)

select * from final
