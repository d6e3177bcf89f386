{#- Grain: one kind of line: what became of all lines of all files, summed; lines of erased and of expired events in
    one, so that nobody sees a single erasure. Late data: built whole in each run. -#}
{% set kinds = {
    'loaded': 'n_loaded', 'duplicates': 'n_duplicates', 'quarantined': 'n_quarantined',
    'headers': 'n_headers + n_blank', 'removed': 'n_erased + n_expired',
} %}

with

books as (
    select * from {{ ref('reconciliation') }}
),

moments as (
    select first_date, as_of_at from {{ ref('as_of') }}
),

final as (
    {% for kind, lines in kinds.items() %}
    select
        cast({{ loop.index }} as integer) as kind_position,
        cast('{{ kind }}' as varchar(16)) as line_kind,
        cast(coalesce(sum({{ lines }}), 0) as bigint) as n_lines,
        cast(count(*) as bigint) as n_files,
        cast(max(moments.as_of_at) as date) as as_of_date,
        cast(min(moments.first_date) as date) as first_date
    from books
    cross join moments
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from final
