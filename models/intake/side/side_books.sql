{#- Grain: one accepted file of a side input. The books: lines = header + blank + rows + duplicates + quarantined
    + erased + expired. Counted anew in each run from the tables as they are, so that a lost line shows. -#}

with

files as (
    select * from {{ ref('side_files') }} where status = 'accepted'
),

lines as (
    select
        file_id,
        cast(sum(case when line_kind = 'header' then 1 else 0 end) as bigint) as n_headers,
        cast(sum(case when line_kind = 'blank' then 1 else 0 end) as bigint) as n_blank,
        cast(sum(case when line_kind = 'erased' then 1 else 0 end) as bigint) as n_erased,
        cast(sum(case when line_kind = 'expired' then 1 else 0 end) as bigint) as n_expired
    from {{ ref('side_lines') }}
    group by file_id
),

judged as (
    select
        judged_rows.file_id,
        cast(sum(case when judged_rows.line_kind = 'row' then 1 else 0 end) as bigint) as n_rows,
        cast(sum(case when judged_rows.line_kind in ('old', 'copy') then 1 else 0 end) as bigint) as n_duplicates,
        cast(sum(case when judged_rows.line_kind = 'faulty' then 1 else 0 end) as bigint) as n_quarantined,
        cast(
            sum(
                case
                    when judged_rows.line_kind = 'row' and judged_rows.user_id is not null and user_keys.user_id is null
                        then 1
                    else 0
                end
            ) as bigint
        ) as n_of_unknown
    from {{ ref('side_judged') }} as judged_rows
    left join {{ ref('user_keys') }} as user_keys on judged_rows.user_id = user_keys.user_id
    group by judged_rows.file_id
),

final as (
    select
        files.file_id,
        files.side_input,
        files.file_name,
        files.delivered_at,
        files.n_lines,
        coalesce(lines.n_headers, 0) as n_headers,
        coalesce(lines.n_blank, 0) as n_blank,
        coalesce(judged.n_rows, 0) as n_rows,
        coalesce(judged.n_duplicates, 0) as n_duplicates,
        coalesce(judged.n_quarantined, 0) as n_quarantined,
        coalesce(lines.n_erased, 0) as n_erased,
        coalesce(lines.n_expired, 0) as n_expired,
        coalesce(judged.n_of_unknown, 0) as n_of_unknown,
        files.n_lines - coalesce(lines.n_headers, 0) - coalesce(lines.n_blank, 0) - coalesce(judged.n_rows, 0)
        - coalesce(judged.n_duplicates, 0) - coalesce(judged.n_quarantined, 0) - coalesce(lines.n_erased, 0)
        - coalesce(lines.n_expired, 0) as n_unaccounted
    from files
    left join lines on files.file_id = lines.file_id
    left join judged on files.file_id = judged.file_id
)

select * from final
