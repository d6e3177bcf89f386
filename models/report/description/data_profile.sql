{#- Grain: one accepted file and month (UTC) of its events: events by type, and what they lack; lines, duplicates and
    quarantined lines are the file's, from the books. Late data: built whole from tables that are kept by day. -#}

with

books as (
    select file_id, file_name, n_lines, n_duplicates, n_quarantined from {{ ref('reconciliation') }}
),

months as (
    select
        file_id,
        cast({{ dbt.date_trunc('month', 'event_date') }} as date) as month_date,
        count(distinct event_date) as n_days,
        {% for column in clientele.described_counts() %}
        sum({{ column }}) as {{ column }},
        {% endfor %}
        {% for event_type in clientele.event_types() %}
        sum(case when event_type = '{{ event_type }}' then n_events else 0 end) as n_{{ event_type }},
        {% endfor %}
        sum(revenue) as revenue
    from {{ ref('described_days') }}
    group by file_id, cast({{ dbt.date_trunc('month', 'event_date') }} as date)
),

final as (
    select
        months.file_id,
        cast(books.file_name as varchar(1024)) as file_name,
        months.month_date,
        cast(books.n_lines as bigint) as n_lines,
        cast(books.n_duplicates as bigint) as n_duplicates,
        cast(books.n_quarantined as bigint) as n_quarantined,
        cast(months.n_days as bigint) as n_days,
        {% for column in clientele.described_counts() %}
        cast(months.{{ column }} as bigint) as {{ column }},
        {% endfor %}
        {% for event_type in clientele.event_types() %}
        cast(months.n_{{ event_type }} as bigint) as n_{{ event_type }},
        {% endfor %}
        cast(months.revenue as decimal(28, 4)) as revenue
    from months
    inner join books on months.file_id = books.file_id
)

select * from final
