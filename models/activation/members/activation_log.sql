{#- Grain: one export of an audience to a destination. Read from the vault's register in each build; the command
    `clientele activate` writes there. How many came and left is judged by itself: the export after an erasure is about
    one customer. -#}

with

exports as (
    select * from {{ clientele.register('exports') }}
),

final as (
    select
        export_number,
        destination,
        audience,
        purpose,
        as_of_date,
        started_at,
        ended_at,
        status,
        reason,
        cast(n_members + n_removed as bigint) as n_customers,
        n_added,
        n_removed,
        n_members
    from exports
),

publishable as (
    {{ clientele.published_cells('final', keys=['export_number'], within=['export_number']) }}
)

select * from publishable
