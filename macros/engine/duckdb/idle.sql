{#- What a green build leaves for the next one, which may then have nothing to do (src/clientele/runtime/idle.py). -#}

{% macro duckdb__note_build() %}
    {%- set feed -%}
        select counted.* from {{ clientele.register('file_days') }} as counted
        inner join {{ clientele.built('monitor', 'reconciliation') }} as books on counted.file_id = books.file_id
        where counted.n_event_lines > 0
    {%- endset -%}
    {%- set has_clock = clientele.setting('clock') == 'now' -%}
    {%- set has_due_lines = has_clock and clientele.setting('latest_event_date') == 'none' -%}
    {%- do run_query(
        "select clientele_note_build(cast(to_json(struct_pack("
        ~ "run_id := '" ~ invocation_id ~ "', "
        ~ "files := (select coalesce(list(struct_pack(file_path := file_path, sha256 := sha256)), []) from "
        ~ clientele.register('event_files') ~ " where status in ('accepted', 'same_content')), "
        ~ "due := (select coalesce(list(struct_pack(file_path := file_path, due_at := due_at)), []) from ("
        ~ "select files.file_path, epoch(min(lines.event_time) - interval '1 day') as due_at from "
        ~ clientele.register('quarantined_lines') ~ " as lines inner join " ~ clientele.register('event_files')
        ~ " as files on lines.file_id = files.file_id where lines.reason = 'event_time_in_future' and "
        ~ has_due_lines ~ " group by files.file_path) as waiting), "
        ~ "due_days := (select struct_pack(has_clock := " ~ has_clock ~ ", today_at := epoch(cast(cast("
        ~ clientele.utc_now() ~ " as date) as timestamp)), n_days_without_news := max(n_days_without_news), "
        ~ "stale_after_days := max(stale_after_days)) from ("
        ~ clientele.days_without_news('(' ~ feed ~ ')', clientele.register('event_files')) ~ ") as news)"
        ~ ")) as varchar))"
    ) -%}
{% endmacro %}
