{#- What monitor.feed_health compares, of files and of small files together. -#}

{% macro feed_files(days, books, ledger) %}
    {#- One row a file and day with events: its counts, of which share lines were left out, the first day that says something
        of prices, and whether the file is a small one. -#}
    {%- set limits = clientele.feed_limits() %}
    select
        file_days.*,
        books.load_id,
        books.file_name,
        books.n_quarantined,
        {{ clientele.double('books.n_quarantined') }} / greatest(books.n_lines, 1) as share_left_out,
        {{ dbt.datediff('file_days.event_date', 'files.delivered_at', 'day') }} as age_days,
        min(case when file_days.n_event_lines >= {{ limits['price_lines'] }} then file_days.event_date end)
            over (partition by file_days.file_id) as starts_on,
        sum(file_days.n_event_lines) over (partition by file_days.file_id)
        < {{ limits['small_file_lines'] }} as is_small
    from {{ days }} as file_days
    inner join {{ books }} as books on file_days.file_id = books.file_id
    inner join {{ ledger }} as files on file_days.file_id = files.file_id
    -- a day of refunds alone is no day on which something came
    where file_days.n_event_lines > 0
{% endmacro %}


{% macro small_files(counted) %}
    {#- One row a day with small files: what they hold together. -#}
    select
        event_date,
        sum(n_event_lines) as n_event_lines,
        sum(n_quarantined) as n_quarantined,
        {{ clientele.median('median_price') }} as median_price,
        sum(share_left_out * n_event_lines) / sum(n_event_lines) as share_left_out
    from {{ counted }}
    where is_small
    group by event_date
{% endmacro %}
