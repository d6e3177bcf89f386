{#- A table filled from stg_lake__files, in the order of files and lines: progress can be shown, memory is bounded by one
    file's buffers, and a row's place in the table is its line's place in the file. Small files that are read in the same way
    are read together (reader_groups). After each step rows + rejected lines must equal the lines counted by
    clientele.intake.lake; files of which the reader loses a line are read again one by one, then without parallelism, and if
    that does not mend it the build stops. Each step is a transaction of its own: DuckDB 2.0 loses every row of a large insert
    that follows a large and an empty one in the same transaction. -#}

{% materialization by_file, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set files = run_query(clientele._files_to_read()).rows -%}
    {%- set alone, serial = [], [] -%}
    {%- set done = namespace(value=false) -%}
    {%- do clientele._tell_reader_of_words() -%}
    {#- A list of words must stay a comparison: as a join, which the optimizer makes of it, it would lose the order of lines. -#}
    {%- set optimizers = run_query("select current_setting('disabled_optimizers')").columns[0].values()[0] -%}
    {%- do run_query("set disabled_optimizers = '" ~ ([optimizers, 'in_clause'] | select | join(',')) ~ "'") -%}
    {%- for attempt in range(2 * files | length + 1) if not done.value -%}
        {%- set lossy = [] -%}
        {%- do run_query(clientele._create_lines_table(target_relation)) -%}
        {%- for group in clientele._reader_groups(files, alone) if not lossy -%}
            {{ print(clientele._progress(group, files | length)) }}
            {%- do clientele._point_reader_at(group, is_parallel=(group[0]['file_id'] not in serial)) -%}
            {%- do run_query(
                'insert into ' ~ target_relation ~ ' (' ~ clientele.line_columns().keys() | join(', ') ~ ') ' ~ compiled_code
            ) -%}
            {%- if group[0]['file_format'] == 'csv' -%}
                {%- if group | length == 1 -%}{%- do run_query(clientele._insert_rejected_lines(target_relation)) -%}{%- endif -%}
                {%- do clientele._stop_if_order_is_lost(target_relation, group) -%}
                {%- do run_query(clientele._mark_headers(target_relation, group)) -%}
            {%- endif -%}
            {%- do lossy.extend(clientele._lossy(target_relation, group)) -%}
        {%- endfor -%}
        {%- for file in lossy -%}
            {%- if file['file_id'] in serial -%}
                {{ clientele.refuse(
                    file['file_name'] ~ ' has ' ~ file['n_lines'] ~ ' lines and not all of them were read. Nothing was loaded. '
                    ~ 'Was the file still being written? Build again when it is complete.'
                ) }}
            {%- endif -%}
            {%- do (serial if file['file_id'] in alone or file['is_single'] else alone).append(file['file_id']) -%}
            {%- if file['is_single'] -%}{%- do alone.append(file['file_id']) -%}{%- endif -%}
        {%- endfor -%}
        {%- if not lossy -%}{%- set done.value = true -%}{%- endif -%}
    {%- endfor -%}
    {%- do clientele.number_repeats(target_relation) -%}
    {%- do run_query('select clientele_unpacked(null, null)') -%}
    {%- do run_query("set disabled_optimizers = '" ~ optimizers ~ "'") -%}
    {%- call statement('main') -%} select 1 {%- endcall -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do persist_docs(target_relation, model) -%}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{% macro _files_to_read() %}
    {#- `alike`: files of which this is the same are read in the same way. Only small ones of which no line can be rejected. -#}
    select
        row_number() over (order by file_id) as place,
        file_id, file_name, file_format, file_compression, n_lines, column_positions, column_constants,
        case
            when file_format = 'csv' and file_compression in ('none', 'gzip', 'zstd') and reader_is_parallel and not coalesce(has_invalid_utf8, true)
                and file_bytes < 4194304 and longest_line_bytes < 65536
                then concat_ws('|', load_id, judged_at, file_compression, column_positions, coalesce(column_constants, ''), n_columns,
                    reader_delimiter, reader_new_line)
            when file_format = 'relation' then concat_ws('|', 'relation', load_id)
        end as alike
    from {{ ref('stg_lake__files') }}
    order by file_id
{% endmacro %}


{% macro _reader_groups(files, alone) %}
    {#- Lists of files that follow each other and are read in one step, at most 200 in one. -#}
    {%- set groups = [] -%}
    {%- for file in files -%}
        {%- set before = groups[-1] if groups else none -%}
        {%- if before and file['alike'] and before[0]['alike'] == file['alike'] and before | length < 200
            and file['file_id'] not in alone and before[0]['file_id'] not in alone -%}
            {%- do before.append(file) -%}
        {%- else -%}
            {%- do groups.append([file]) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(groups) }}
{% endmacro %}


{% macro _progress(group, n_files) %}
    {%- set n_lines = group | map(attribute='n_lines') | sum -%}
    {{ return(
        'reading ' ~ group[0]['place'] ~ (' to ' ~ group[-1]['place'] if group | length > 1) ~ ' of ' ~ n_files
        ~ ': ' ~ group[0]['file_name'] ~ (' to ' ~ group[-1]['file_name'] if group | length > 1)
        ~ ' (' ~ '{:,}'.format(n_lines) ~ ' lines)'
    ) }}
{% endmacro %}


{% macro _lossy(relation, group) %}
    {#- The files of a group of which not every line is there. -#}
    {%- set found = {} -%}
    {%- for row in run_query(
        'select file_id, count(*) from ' ~ relation ~ ' where file_id between ' ~ group[0]['file_id'] ~ ' and ' ~ group[-1]['file_id'] ~ ' group by file_id'
    ).rows -%}{%- do found.update({row[0]: row[1]}) -%}{%- endfor -%}
    {%- set lossy = [] -%}
    {%- for file in group if found.get(file['file_id'], 0) != file['n_lines'] -%}
        {%- do lossy.append({'file_id': file['file_id'], 'file_name': file['file_name'], 'n_lines': file['n_lines'], 'is_single': group | length == 1}) -%}
    {%- endfor -%}
    {{ return(lossy) }}
{% endmacro %}


{% macro _create_lines_table(relation) %}
    create or replace table {{ relation }} (
        {% for name, type in clientele.line_columns().items() %}{{ name }} {{ type }},
        {% endfor %}
        rejected_line_number bigint
    )
{% endmacro %}


{% macro _insert_rejected_lines(relation) %}
    {#- Lines that the reader cannot hand over as text: not UTF-8, or over the longest size. -#}
    insert into {{ relation }} (file_id, load_id, line_kind, reason, line_text, rejected_line_number)
    select
        getvariable('clientele_reader').file_id,
        getvariable('clientele_reader').load_id,
        'faulty',
        case when min(cast(error_type as varchar)) = 'INVALID ENCODING' then 'invalid_encoding' else 'line_too_long' end,
        min(csv_line),
        line
    from reject_errors
    group by line
    order by line
{% endmacro %}


{% macro _mark_headers(relation, group) %}
    {#- The first line is the header: clientele.intake.lake refuses a file in which it is not, but for one of blank lines alone. -#}
    update {{ relation }} set line_kind = 'header', reason = null
    where line_kind != 'blank' and rowid in (
        select min(rowid) from {{ relation }}
        where file_id between {{ group[0]['file_id'] }} and {{ group[-1]['file_id'] }} group by file_id
    )
{% endmacro %}


{% macro _stop_if_order_is_lost(relation, group) %}
    {#- The first line of a file is no event: where it is one, lines do not stand in their order. -#}
    {%- set first = run_query(
        'select count(*) from ' ~ relation ~ " where line_kind in " ~ clientele.kept_kinds() ~ " and rowid in (select min(rowid) from " ~ relation
        ~ ' where file_id between ' ~ group[0]['file_id'] ~ ' and ' ~ group[-1]['file_id'] ~ ' group by file_id)'
    ) -%}
    {%- if first.columns[0].values()[0] > 0 -%}
        {{ clientele.refuse(
            'Nothing was loaded: the lines of ' ~ group[0]['file_name'] ~ ' did not come in their order. Build again; if this repeats, tell'
            ~ ' the maintainers of clientele.'
        ) }}
    {%- endif -%}
{% endmacro %}
