{#- Reading event files in place. -#}

{% macro duckdb__lake_inventory(earlier) %}
    {%- set facts = clientele.file_facts() -%}
    select
        {% for fact in facts %}looked_at.{{ fact }},
        {% endfor %}
        -- when a build first saw the file: what a file says of its own time decides nothing
        coalesce(seen.delivered_at, {{ clientele.utc_now() }}) as delivered_at,
        looked_at.status,
        looked_at.reason
    from (
        select unnest(from_json(
            clientele_inventory((
                select to_json(list(struct_pack({% for fact in facts %}{{ fact }} := {{ fact }}{{ ', ' if not loop.last }}{% endfor %})))
                from {{ earlier }}
                where status in ('accepted', 'same_content') and not {{ clientele.setting('rehash') | lower }}
            ), (
                select cast(to_json(struct_pack(
                    delimiter := {{ clientele.delimiter() }},
                    columns := list(struct_pack(column_name := lower(column_name), input_column := input_column, event_type := event_type))
                )) as varchar)
                from {{ ref('column_map') }}
            )),
            '[{ {%- for fact, type in facts.items() %}"{{ fact }}": "{{ type.split('(')[0] }}", {% endfor %}"status": "varchar", "reason": "varchar"}]'
        )) as looked_at
    ) as files
    left join (
        select file_path, sha256, min(delivered_at) as delivered_at from {{ earlier }} group by file_path, sha256
    ) as seen on looked_at.file_path = seen.file_path and looked_at.sha256 = seen.sha256
{% endmacro %}


{% macro duckdb__lake_lines() -%}
    temp.main.clientele_lake_lines
{%- endmacro %}


{% macro duckdb__column(column, position, has_constant) -%}
    {#- The text of a column: a field, a constant of the whole file, or nothing for a column that the file does not have. -#}
    {{ 'fields[' ~ position ~ ']' if position is string or position > 0
        else "getvariable('clientele_reader').constant_" ~ column if has_constant else 'cast(null as varchar)' }}
    {{- ' as ' ~ column ~ ('_text' if column in ['event_time', 'product_id', 'price', 'user_id', 'quantity'] else '') }}
{%- endmacro %}


{% macro duckdb__csv_lines(file, is_group=false) %}
    {#- A line is one text, so that none can be lost to quoting or types, and is split here: at its delimiters, or as RFC 4180
        says where it has a quote. is_group: several files that are read in the same way, one after the other. Without a
        file: lines of the table clientele_request, whose columns the variable clientele_columns tells (POST /score). -#}
    {%- set columns = clientele.lake_columns() -%}
    {%- set positions = clientele._positions(file) if file else {} -%}
    {%- set delimiter = clientele.delimiter() -%}
    {%- set mark = {'comma': ',', 'semicolon': ';', 'tab': '\\t', 'pipe': '|'}[clientele.setting('delimiter')] -%}
    {%- set class = {'pipe': '[|]'}.get(clientele.setting('delimiter'), mark) -%}
    {%- set is_of_blanks = "(len(fields) = 1 and trim(split_lines.line, ' ' || chr(9)) = '')" -%}
    {%- set field = '(?: *"(?:[^"]|"")*" *|[^"' ~ mark ~ ']*)' %}
    select
        {{ "getvariable('clientele_reader').file_ids[cast(split_lines.file_index as bigint) + 1]" if is_group else "getvariable('clientele_reader').file_id" }} as file_id,
        getvariable('clientele_reader').load_id as load_id,
        getvariable('clientele_reader').judged_at as judged_at,
        case when split_lines.line is null or {{ is_of_blanks }} then 'blank' else 'event' end as line_kind,
        case
            when len(fields) = getvariable('clientele_reader').n_columns or split_lines.line is null or {{ is_of_blanks }} then null
            when fields is null then 'bad_quoting'
            else 'wrong_number_of_fields'
        end as line_fault,
        getvariable('clientele_reader').has_nul and contains(split_lines.line, chr(0)) as has_nul,
        strlen(split_lines.line) = length(split_lines.line) and not contains(split_lines.line, chr(9)) as is_plain,
        getvariable('clientele_reader').may_be_long as may_be_long,
        {% for column in columns -%}
        {{ clientele.duckdb__column(
            column, positions[column] if file else "getvariable('clientele_columns')." ~ column, file and file['column_constants']
        ) }},
        {% endfor -%}
        split_lines.line as line_text
    from (
        select
            line,
            {{ 'file_index,' if is_group }}
            case
                when not getvariable('clientele_reader').has_quotes or not contains(line, '"') then string_split(line, {{ delimiter }})
                when regexp_full_match(line, '{{ field }}(?:{{ class }}{{ field }})*')
                    then list_transform(
                        regexp_extract_all({{ delimiter }} || line, '{{ class }}({{ field }})', 1),
                        lambda field: case
                            when contains(field, '"') then replace(trim(field, ' ')[2:-2], '""', '"')
                            else field
                        end
                    )
            end as fields
        {% if not file -%}
        from temp.main.clientele_request
        {%- else -%}
        from (
            -- files that were put one behind the other have their byte order marks before later lines, too
            select
                {{ 'file_index,' if is_group }}
                case
                    when starts_with(read_lines.line, chr(65279)) then ltrim(read_lines.line, chr(65279))
                    else read_lines.line
                end as line
            from read_csv(
                getvariable('clientele_reader').path,
                columns = {'line': 'VARCHAR'},
                delim = getvariable('clientele_reader').delimiter,
                compression = getvariable('clientele_reader').compression,
                new_line = getvariable('clientele_reader').new_line,
                parallel = getvariable('clientele_reader').is_parallel,
                max_line_size = getvariable('clientele_reader').max_line_size,
                quote = '', escape = '', header = false, strict_mode = false, auto_detect = false,
                hive_partitioning = false, store_rejects = true
            ) as read_lines
        ) as unmarked_lines
        {%- endif %}
    ) as split_lines
{% endmacro %}


{% macro duckdb__parquet_lines(file) %}
    {#- A row of a Parquet file counts as a line; its text is the row as CSV. A column is found by its place. Whole numbers
        that a tool has kept as floats are whole numbers. -#}
    {%- set columns = clientele.lake_columns() -%}
    {#- as the reader names them: the schema of the file also lists the fields within nested columns -#}
    {%- set names = run_query(
        "select column_name from (describe select * from read_parquet(getvariable('clientele_reader').path, hive_partitioning = false))"
    ).columns[0].values() -%}
    {%- set positions = clientele._positions(file) -%}
    {%- set texts = {} -%}
    {%- for column in columns -%}
        {%- set position = positions[column] - 1 -%}
        {%- if position < 0 -%}
            {%- do texts.update({column: "getvariable('clientele_reader').constant_" ~ column}) -%}
        {%- else -%}
            {%- set name = clientele.quoted(names[position]) -%}
            {%- set text = 'cast(' ~ name ~ ' as varchar)' -%}
            {%- if column == 'event_time' -%}
                {%- set text = text ~ " || case when typeof(" ~ name ~ ") = 'DATE' then ' 00:00:00' else '' end" -%}
            {%- endif -%}
            {%- if column in ['event_time', 'user_id', 'product_id', 'category_id'] -%}
                {%- set text = "case when typeof(" ~ name ~ ") in ('DOUBLE', 'FLOAT') and try_cast(" ~ name ~ " as double) = floor(try_cast(" ~ name
                    ~ " as double)) then cast(try_cast(" ~ name ~ " as hugeint) as varchar) else " ~ text ~ " end" -%}
            {%- endif -%}
            {%- do texts.update({column: text}) -%}
        {%- endif -%}
    {%- endfor %}
    select
        getvariable('clientele_reader').file_id as file_id,
        getvariable('clientele_reader').load_id as load_id,
        getvariable('clientele_reader').judged_at as judged_at,
        'event' as line_kind,
        cast(null as varchar) as line_fault,
        contains(concat_ws(',', {{ columns | join('_field, ') }}_field), chr(0)) as has_nul,
        false as is_plain,
        true as may_be_long,
        {% for column in columns -%}
        {{ column }}_field as {{ column }}{{ '_text' if column in ['event_time', 'product_id', 'price', 'user_id', 'quantity'] }},
        {% endfor -%}
        concat_ws(',', {% for column in columns if column != 'quantity' %}coalesce({{ column }}_field, ''){{ ', ' if not loop.last }}{% endfor %}) as line_text
    from (
        select
            {% for column, text in texts.items() %}{{ text }} as {{ column }}_field,
            {% endfor %}
        from read_parquet(getvariable('clientele_reader').path, hive_partitioning = false)
    ) as fields
{% endmacro %}


{% macro duckdb__lake_problem() %}
    {{ return(run_query('select clientele_lake_problem()').columns[0].values()[0]) }}
{% endmacro %}
