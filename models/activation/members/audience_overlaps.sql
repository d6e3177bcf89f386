{#- Grain: two active audiences that share customers. Late data: built whole in each run. -#}

with

members as (
    select audience, user_key from {{ ref('audience_members') }}
),

final as (
    select
        members.audience,
        also_members.audience as other_audience,
        cast(count(*) as bigint) as n_members
    from members
    inner join members as also_members
        on members.user_key = also_members.user_key and members.audience < also_members.audience
    group by members.audience, also_members.audience
),

publishable as (
    {{ clientele.published_cells('final', keys=['audience', 'other_audience']) }}
)

select * from publishable
