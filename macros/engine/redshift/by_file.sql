{#- On Redshift all pending files are read by one statement: a cluster reads them side by side, and Spectrum has no
    reader that must be told about a file. What was read is compared with the ledger's count, file by file. -#}

{% materialization by_file, adapter='redshift' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set columns = clientele.line_columns() -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {%- do clientele.redshift__take_up_lines_again() -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {{ drop_relation_if_exists(existing_relation) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% call statement('create_lines') -%}
        create table {{ target_relation }} (
            line_sk bigint identity(1, 1),
            {% for name, type in columns.items() %}{{ name }} {{ type }},
            {% endfor %}
            rejected_line_number bigint
        )
        {{ dist(config.get('dist')) }}
        {{ sort(config.get('sort_type'), config.get('sort')) }}
    {%- endcall %}
    {% call statement('main') -%}
        insert into {{ target_relation }} ({{ columns.keys() | join(', ') }})
        {{ compiled_code }}
    {%- endcall %}
    {%- set lost = run_query(
        "select files.file_name, files.n_lines, count(lines.line_sk) as n_read from " ~ ref('stg_lake__files') ~ " as files"
        ~ " left join " ~ target_relation ~ " as lines on files.file_id = lines.file_id"
        ~ " group by files.file_name, files.n_lines having files.n_lines != count(lines.line_sk) order by files.file_name limit 1"
    ) -%}
    {%- if lost.rows | length > 0 -%}
        {{ clientele.refuse(
            lost.rows[0]['file_name'] ~ ' has ' ~ lost.rows[0]['n_lines'] ~ ' lines and ' ~ lost.rows[0]['n_read']
            ~ ' were read. Nothing was loaded. Was the file still being written? Build again when it is complete.'
        ) }}
    {%- endif -%}

    {%- do run_query('drop table if exists ' ~ clientele.redshift__taken_up_lines()) -%}
    {%- do clientele.number_repeats(target_relation) -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do persist_docs(target_relation, model) -%}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
