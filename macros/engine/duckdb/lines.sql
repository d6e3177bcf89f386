{#- A line's identity is its row number, and its number in the file follows from that. -#}

{% macro duckdb__line_id(lines) -%}
    {{ lines }}.rowid
{%- endmacro %}


{% macro duckdb__line_numbers(line_ids) %}
    {#- by_file keeps a file's lines in their order; lines that the reader rejected stand behind the others and know
        their own number, by which the lines after them have moved up. -#}
    select
        lines.rowid as line_id,
        coalesce(
            lines.rejected_line_number,
            lines.rowid - starts.first_row + 1 + coalesce(shifts.n_rejected_before, 0)
        ) as line_number
    from {{ ref('stg_lake__lines') }} as lines
    inner join (select distinct line_id from {{ line_ids }}) as wanted on lines.rowid = wanted.line_id
    inner join (
        select file_id, min(rowid) as first_row from {{ ref('stg_lake__lines') }} group by file_id
    ) as starts on lines.file_id = starts.file_id
    asof left join (
        select
            file_id,
            place,
            count(*) over (partition by file_id order by place range unbounded preceding) as n_rejected_before
        from (
            select
                file_id,
                rejected_line_number - row_number() over (partition by file_id order by rejected_line_number) as place
            from {{ ref('stg_lake__lines') }}
            where rejected_line_number is not null
        ) as rejected
    ) as shifts on lines.file_id = shifts.file_id and lines.rowid - starts.first_row >= shifts.place
{% endmacro %}
