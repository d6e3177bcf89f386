{#- What the ledger (vault.event_files) knows a file by, what it holds still, and when a file is read again unchanged. -#}

{% macro known_files(earlier, lake) %}
    {#- The ledger so far, under the identities of today. A path that is named through another entry today is the same file, and
        so are rows of before files had an identity. -#}
    select
        {% for column in clientele.ledger_columns() if column != 'file_identity' -%}
        {{ earlier }}.{{ column }},
        {% endfor -%}
        case
            when others.file_identity is not null then coalesce({{ earlier }}.file_identity, {{ earlier }}.file_path)
            else coalesce(seen.file_identity, {{ earlier }}.file_identity, {{ earlier }}.file_path)
        end as file_identity
    from {{ earlier }}
    left join {{ lake }} as seen on {{ earlier }}.file_path = seen.file_path
    -- unless another file holds that identity
    left join (
        select distinct file_identity, file_path from {{ earlier }} where status in ('accepted', 'same_content')
    ) as others on seen.file_identity = others.file_identity and others.file_path != {{ earlier }}.file_path
{% endmacro %}


{% macro files_with_due_lines() %}
    {#- Numbers of files of which lines were quarantined as future that are not in the future any more, or for a word that the
        map of event types has now. With latest_event_date no clock decides, and nothing is ever due. -#}
    {%- set columns = {'file_id': 'bigint', 'reason': 'varchar(32)', 'event_time': 'timestamp', 'line_text': 'varchar(65535)'} -%}
    {%- set words = clientele.words_that_came() -%}
    select distinct file_id
    from (
        {{ clientele.previous_rows('quarantined_lines', this.database, this.schema, columns) }}
    ) as lines
    where
        {% if words -%}
        lines.reason = 'unknown_event_type' and (
            {% for word in words -%}
            position({{ clientele.literals([word]) }} in lower(lines.line_text)) > 0{{ ' or' if not loop.last }}
            {% endfor -%}
        ) or
        {% endif -%}
        lines.reason = 'event_time_in_future'
        {% if clientele.setting('latest_event_date') == 'none' -%}
        and lines.event_time <= {{ clientele.utc_now() }} + interval '1 day'
        {%- else -%}
        and 1 = 0
        {%- endif %}
{% endmacro %}


{% macro held_files(earlier, readable, due) %}
    {#- Files of the ledger that still hold what they held: the same bytes, or not in the lake any more, or unreadable today. What
        is known of a file is that of the lake, where it is there: its folder may have moved. -#}
    select
        {{ earlier }}.file_id,
        {{ earlier }}.load_id,
        {{ earlier }}.delivered_at,
        coalesce({{ earlier }}.judged_at, {{ earlier }}.delivered_at) as judged_at,
        {{ earlier }}.status,
        readable.file_path is not null as is_present,
        readable.file_path is not null and due.file_id is not null as is_due,
        {% for fact in clientele.file_facts() -%}
        case when readable.file_path is null then {{ earlier }}.{{ fact }} else readable.{{ fact }} end as {{ fact }}
        {{- ',' if not loop.last }}
        {% endfor %}
    from {{ earlier }}
    left join {{ readable }} as readable on {{ earlier }}.file_identity = readable.file_identity
    left join {{ due }} as due on {{ earlier }}.file_id = due.file_id
    where
        {{ earlier }}.status in ('accepted', 'same_content')
        and (readable.file_path is null or readable.sha256 = {{ earlier }}.sha256)
        {{ 'and 1 = 0' if flags.FULL_REFRESH }}
{% endmacro %}


{% macro files_that_answer(held, arrived) %}
    {#- One file answers for each content: the one whose rows are loaded, else the first by name. -#}
    select sha256, file_identity as loaded_identity, file_path as loaded_path
    from (
        select
            file_identity,
            file_path,
            sha256,
            row_number() over (partition by sha256 order by preference, file_identity) as place
        from (
            select
                file_identity, file_path, sha256, case when status = 'accepted' then 1 else 2 end as preference
            from {{ held }}
            -- a copy that cannot be read today cannot take over
            where status = 'accepted' or is_present
            union all
            select file_identity, file_path, sha256, 3 as preference from {{ arrived }}
        ) as files
    ) as contents
    where place = 1
{% endmacro %}
