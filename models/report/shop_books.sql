{#- Grain: one kind of line: what became of all lines of all files, summed. In steps of what the customer with most
    lines has, so that two publications do not say how many lines an erased customer had; monitor.reconciliation is
    exact. Late data: built whole in each run. -#}
{% set kinds = {
    'loaded': 'n_loaded', 'duplicates': 'n_duplicates', 'quarantined': 'n_quarantined',
    'headers': 'n_headers + n_blank', 'removed': 'n_erased + n_expired', 'refunds': 'n_refunds',
} %}

with

books as (
    select * from {{ ref('reconciliation') }}
),

moments as (
    select first_date, as_of_at from {{ ref('as_of') }}
),

lines_of_customers as (
    select sum(n_events) as n_lines
    from {{ ref('user_sessions') }}
    where not is_bot
    group by user_sk
),

largest as (
    select
        greatest(
            {{ clientele.double('max(n_lines)') }},
            avg({{ clientele.double('n_lines') }}) * {{ clientele.cell_step() }}
        ) as n_lines
    from lines_of_customers
),

steps as (
    select {{ clientele.round_number_above('n_lines') }} as line_step from largest
),

counted as (
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
),

final as (
    select
        counted.kind_position,
        counted.line_kind,
        cast(
            case
                when counted.line_kind = 'headers' then counted.n_lines
                else {{ clientele.round_to_step('counted.n_lines', 'steps.line_step') }}
            end as bigint
        ) as n_lines,
        counted.n_files,
        counted.as_of_date,
        counted.first_date
    from counted
    cross join steps
)

select * from final
