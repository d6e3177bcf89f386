{#- The lake on Redshift: lake.event_lines, an external table with one text column, the whole line, over the files in S3
    (deploy/redshift/lake.sql), of which a run takes up some days (deliveries.sql). A line is split here and not by Spectrum, so
    that no quote and no type can lose one.
    Spectrum reads files in pieces and tells no line's place: what DuckDB knows by order is found by content here. -#}

{% macro redshift__clean_line(line) -%}
    {#- A line as it was written: Spectrum ends lines at LF and leaves the CR of a CRLF, and a byte order mark, in it. -#}
    replace(rtrim({{ line }}, chr(13)), '{{ "\ufeff" }}', '')
{%- endmacro %}


{% macro redshift__header_text(line) -%}
    {#- The names of a header between commas, without quotes and blanks: ',event_time,event_type,…,'. -#}
    ',' || replace(replace(replace(lower({{ clientele.redshift__clean_line(line) }}), '"', ''), ' ', ''), {{ clientele.delimiter() }}, ',') || ','
{%- endmacro %}


{% macro redshift__n_commas(text) -%}
    (length({{ text }}) - length(replace({{ text }}, ',', '')))
{%- endmacro %}


{% macro redshift__lines_with_header(lines, files) -%}
    {#- The lines of files, each with its MD5 and, where it is a header, with its columns. -#}
    select
        new_lines.*,
        case
            when
                {% for column in ['event_time', 'event_type', 'product_id', 'price', 'user_id'] -%}
                {{ 'and ' if not loop.first }}header_text like '%,{{ column }},%'
                {% endfor -%}
                then header_text
        end as header
    from (
        select
            files.file_path,
            files.file_bytes,
            lines.line,
            md5(coalesce(lines.line, '')) as line_md5,
            {{ clientele.redshift__header_text('lines.line') }} as header_text
        from {{ lines }} as lines
        inner join {{ files }} as files on lines.file_path = files.file_path
    ) as new_lines
{%- endmacro %}


{% macro redshift__lake_inventory(earlier) %}
    {#- A content is known by its lines, whatever their order: two sums of 60 bits each of every line's MD5, and the
        number of lines. A file of a known path and size is not read again; its bytes cannot be hashed by SQL. -#}
    {%- set lines = clientele.redshift__taken_up_lines() -%}
    {%- set facts = clientele.file_facts() %}
    {%- set name = "split_part(file_path, '/', " ~ clientele.redshift__n_slashes('file_path') ~ ' + 1)' %}
    with listed as (
        select file_path, max(file_bytes) as file_bytes from {{ lines }} group by file_path
    ),

    known as (
        select {{ earlier }}.*
        from {{ earlier }}
        inner join listed on {{ earlier }}.file_path = listed.file_path and {{ earlier }}.file_bytes = listed.file_bytes
        where {{ earlier }}.status in ('accepted', 'same_content') and not {{ clientele.setting('rehash') | lower }}
    ),

    new_files as (
        select listed.file_path, listed.file_bytes
        from listed
        left join known on listed.file_path = known.file_path
        where known.file_path is null
    ),

    marked_lines as (
        {{ clientele.redshift__lines_with_header(lines, 'new_files') }}
    ),

    looks as (
        select
            file_path,
            file_bytes,
            count(*) as n_lines,
            max(length(line)) as longest_line_bytes,
            max(case when line like '%"%' then 1 else 0 end) = 1 as has_quotes,
            min(header) as header,
            count(distinct header) as n_headers,
            sha2(
                cast(count(*) as varchar(20)) || ':'
                || cast(sum(cast(strtol(left(line_md5, 15), 16) as decimal(38, 0))) as varchar(40)) || ':'
                || cast(sum(cast(strtol(right(line_md5, 15), 16) as decimal(38, 0))) as varchar(40)),
                256
            ) as sha256
        from marked_lines
        group by file_path, file_bytes
    ),

    looked_at as (
        select
            file_path,
            file_path as file_identity,
            {{ clientele.redshift__name_without_person(name) }} as file_name,
            sha256, file_bytes, cast(null as bigint) as modified_ns,
            'csv' as file_format,
            case when file_path like '%.gz' then 'gzip' else 'none' end as file_compression,
            {% for column in clientele.lake_columns() -%}
            {%- set before = "left(header, position('," ~ column ~ ",' in header))" -%}
            {#- without the column nothing stands before it, and -1 is its place -#}
            cast({{ clientele.redshift__n_commas(before) }} - 1 as varchar(4)){{ " || ',' ||" if not loop.last }}
            {% endfor -%}
            as column_positions,
            cast(null as varchar(512)) as column_constants,
            cast({{ clientele.redshift__n_commas('header') }} - 1 as bigint) as n_columns,
            n_lines,
            longest_line_bytes,
            has_quotes,
            false as has_nul,
            false as has_invalid_utf8,
            file_path as reader_path,
            cast(null as varchar(8)) as reader_delimiter,
            cast(null as varchar(4)) as reader_new_line,
            true as reader_is_parallel,
            65535 as reader_max_line_size,
            -- when a build first saw the file: S3 tells SQL nothing else. Kept in the ledger from then on.
            {{ clientele.utc_now() }} as delivered_at,
            {{ clientele.redshift__refusal(name) }} as reason
        from looks
    )

    select
        {% for fact, type in facts.items() %}cast({{ fact }} as {{ type }}) as {{ fact }},
        {% endfor %}
        delivered_at,
        case when reason is null then 'readable' else 'refused' end as status,
        cast(reason as varchar(4096)) as reason
    from looked_at
    union all
    select
        {% for fact in facts %}{{ fact }},
        {% endfor %}
        delivered_at,
        'readable' as status,
        cast(null as varchar(4096)) as reason
    from known
{% endmacro %}


{% macro redshift__refusal(name) -%}
    {#- Why a file of `looks` is not read, null when it is. -#}
    {%- set told_name = clientele.redshift__name_without_person(name) -%}
    case
        when {{ told_name }} != {{ name }}
            then 'A file has a name that looks like an e-mail address or a telephone number (' || {{ told_name }}
                || '), and names of files go to messages and tables outside the vault: rename it.'
        when n_headers = 0
            then file_path || ' has no header line: expected {{ clientele.lake_columns() | join(",") }}, in any order.'
        when n_headers > 1
            then file_path || ' has header lines that differ: split it, so that each file has one order of columns.'
    end
{%- endmacro %}


{% macro redshift__n_slashes(text) -%}
    (length({{ text }}) - length(replace({{ text }}, '/', '')))
{%- endmacro %}


{% macro redshift__lake_lines() %}
    {#- Fields as RFC 4180 has them: a line without a quote is cut at its commas; in one with quotes the n-th field is
        the n-th match of a pattern, and the whole line must be a row of such fields. -#}
    {%- if clientele.events_relation() -%}{{ return('(' ~ clientele.relation_lines() ~ ')') }}{%- endif -%}
    {%- set columns = clientele.lake_columns() -%}
    {%- set delimiter = clientele.delimiter() -%}
    {%- set mark = {'comma': ',', 'semicolon': ';', 'tab': '\t', 'pipe': '|'}[clientele.setting('delimiter')] -%}
    {%- set class = '[' ~ mark ~ ']' -%}
    {%- set is_blank = "(btrim(line, ' ' || chr(9)) = '' and position(" ~ delimiter ~ " in line) = 0)" -%}
    {%- set field = '( *"([^"]|"")*" *|[^"' ~ mark ~ ']*)' %}
    (
        select
            file_id,
            load_id,
            judged_at,
            case when {{ is_blank }} then 'blank' else 'event' end as line_kind,
            case
                when {{ is_blank }} then null
                when is_cut then 'line_too_long'
                when has_control_character then 'invalid_encoding'
                when is_badly_quoted then 'bad_quoting'
                when
                    case
                        when is_quoted then regexp_count({{ delimiter }} || line, '{{ class }}{{ field }}')
                        else length(line) - length(replace(line, {{ delimiter }}, '')) + 1
                    end != n_columns then 'wrong_number_of_fields'
            end as line_fault,
            false as has_nul,
            false as is_plain,
            true as may_be_long,
            {% for column in columns -%}
            {%- set place = "cast(split_part(column_positions, ',', " ~ loop.index ~ ") as integer) + 1" -%}
            {%- set quoted = "btrim(substring(regexp_substr(" ~ delimiter ~ " || line, '" ~ class ~ field ~ "', 1, " ~ place ~ "), 2), ' ')" -%}
            case
                {% if column == 'quantity' -%}
                when split_part(column_positions, ',', {{ loop.index }}) = '' then null
                {% endif -%}
                when is_cut or is_badly_quoted or {{ place }} < 1 then null
                when not is_quoted then split_part(line, {{ delimiter }}, {{ place }})
                when {{ quoted }} like '"%'
                    then replace(substring({{ quoted }}, 2, length({{ quoted }}) - 2), '""', '"')
                else {{ quoted }}
            end as {{ column }}{{ '_text' if column in ['event_time', 'product_id', 'price', 'user_id', 'quantity'] }},
            {% endfor -%}
            line as line_text
        from (
            select
                files.file_id,
                files.load_id,
                files.judged_at,
                files.column_positions,
                coalesce(files.n_columns, 9) as n_columns,
                coalesce({{ clientele.redshift__clean_line('lines.line') }}, '') as line,
                coalesce(lines.line, '') like '%"%' as is_quoted,
                lines.line like '%"%'
                and regexp_count({{ clientele.redshift__clean_line('lines.line') }}, '^{{ field }}({{ class }}{{ field }})*$') = 0
                as is_badly_quoted,
                -- as wide as the column, but for a character of four bytes: Spectrum has cut it there, or may have
                octet_length(coalesce(lines.line, '')) > 65531 as is_cut,
                -- what Spectrum puts where a byte is no character (deploy/redshift/lake.sql)
                position(chr(26) in coalesce(lines.line, '')) > 0 as has_control_character
            from {{ clientele.redshift__taken_up_lines() }} as lines
            inner join {{ ref('stg_lake__files') }} as files on lines.file_path = files.file_path
        ) as cleaned
    )
{% endmacro %}


{#- --- a line's identity: a column of stg_lake__lines, numbered by the database as lines come -#}

{% macro redshift__line_id(lines) -%}
    {{ lines }}.line_sk
{%- endmacro %}


{% macro redshift__line_numbers(line_ids) %}
    {#- Spectrum does not know a line's number in its file: this is its place among the lines asked for, by their text
        (docs/decisions/0022-lines-without-numbers.md). -#}
    select
        lines.line_sk as line_id,
        row_number() over (
            partition by lines.file_id
            order by lines.line_text, lines.event_at, lines.user_id, lines.product_id, lines.event_type, lines.line_sk
        ) as line_number
    from {{ ref('stg_lake__lines') }} as lines
    inner join (select distinct line_id from {{ line_ids }}) as wanted on lines.line_sk = wanted.line_id
{% endmacro %}


{% macro redshift__relation_if_there(relation) %}
    {#- Files in S3 are an external table, which the catalogue that dbt reads does not list (SVV_EXTERNAL_TABLES does). It is
        named without its database, as external schemas are of one. -#}
    {%- set found = clientele.default__relation_if_there(relation) -%}
    {%- if found is none and run_query(
        "select count(*) from svv_external_tables where schemaname = '" ~ relation.schema | lower ~ "' and tablename = '"
        ~ relation.identifier | lower ~ "'"
    ).columns[0].values()[0] > 0 -%}
        {%- set found = relation.include(database=false) -%}
    {%- endif -%}
    {{ return(found) }}
{% endmacro %}
