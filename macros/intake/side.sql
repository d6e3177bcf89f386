{#- Side inputs: small tables that a shop declares beside its events. What an input is stands once, in the yml of its model
    (models/intake/side): its columns, the key, the person's column. docs/decisions/0095-side-inputs.md -#}

{% macro side_inputs() %}
    {#- All that are declared, in the order of their names: {name, person, key, kept, columns: [{name, type, is_required,
        is_past, is_not_negative, not_before, is_lower, values}], field: {column: its place among the fields of a line}}. Empty while dbt parses. -#}
    {%- set found = [] -%}
    {%- for node in (graph.nodes.values() if execute else []) | selectattr('resource_type', 'equalto', 'model') | sort(attribute='name')
        if node.package_name == 'clientele' and node.config.meta.get('side_input') -%}
        {%- set declared = node.config.meta['side_input'] -%}
        {%- set columns, field = [], {} -%}
        {%- for name, column in node.columns.items() if name not in ['user_sk', 'user_key'] -%}
            {%- set tags = clientele._tags(column) -%}
            {%- do columns.append({
                'name': name, 'type': column.data_type, 'is_required': tags.get('is_required', false), 'is_past': tags.get('is_past', false),
                'is_not_negative': tags.get('is_not_negative', false), 'not_before': tags.get('not_before'),
                'is_lower': tags.get('is_lower', false), 'values': tags.get('values', []),
            }) -%}
            {%- do field.update({name: 'field_' ~ loop.index}) -%}
        {%- endfor -%}
        {%- do found.append({
            'name': node.name, 'person': declared.get('person'), 'key': declared['key'], 'kept': declared.get('kept', {}),
            'columns': columns, 'field': field, 'node': node,
        }) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}


{% macro n_side_fields() %}{{ return(9) }}{% endmacro %}


{% macro side_fields() %}
    {%- set names = [] -%}
    {%- for number in range(1, clientele.n_side_fields() + 1) -%}{%- do names.append('field_' ~ number) -%}{%- endfor -%}
    {{ return(names) }}
{% endmacro %}


{% macro side_declarations() %}
    {#- The same for the reader in Python, as an SQL literal of JSON. -#}
    {%- set inputs = [] -%}
    {%- for side in clientele.side_inputs() -%}
        {%- do inputs.append({
            'name': side['name'], 'person': side['person'], 'columns': side['columns'] | map(attribute='name') | list,
            'required': side['columns'] | selectattr('is_required') | map(attribute='name') | list,
        }) -%}
    {%- endfor -%}
    {%- set delimiter = {'comma': ',', 'semicolon': ';', 'tab': '\t', 'pipe': '|'}[clientele.setting('delimiter')] -%}
    {{ return("'" ~ tojson({'inputs': inputs, 'delimiter': delimiter}, sort_keys=true) | replace("'", "''") ~ "'") }}
{% endmacro %}


{% macro side_ledger_columns() %}
    {{ return({
        'file_id': 'bigint',
        'side_input': 'varchar(64)',
        'file_path': 'varchar(4096)',
        'file_identity': 'varchar(4096)',
        'file_name': 'varchar(1024)',
        'reading': 'varchar(1024)',
        'file_bytes': 'bigint',
        'modified_ns': 'bigint',
        'sha256': 'varchar(64)',
        'n_lines': 'bigint',
        'delivered_at': 'timestamp',
        'status': 'varchar(16)',
        'reason': 'varchar(4096)',
    }) }}
{% endmacro %}


{% macro side_line_columns() %}
    {#- The columns of vault.side_lines. -#}
    {%- set columns = {
        'file_id': 'bigint', 'side_input': 'varchar(64)', 'file_name': 'varchar(1024)', 'line_number': 'bigint',
        'line_kind': 'varchar(8)', 'line_fault': 'varchar(32)', 'user_id': clientele.id_type(clientele.id_kind('user')),
        'person': 'varchar(65535)',
    } -%}
    {%- for name in clientele.side_fields() -%}{%- do columns.update({name: 'varchar(65535)'}) -%}{%- endfor -%}
    {%- do columns.update({'line_text': 'varchar(65535)'}) -%}
    {{ return(columns) }}
{% endmacro %}


{% macro side_inventory(earlier) %}
    {#- One row per file of a side input that is there now, and per table of the schema that the var side_schema names. `earlier`:
        name of a CTE with the ledger so far. -#}
    {{ clientele.side_files_seen(earlier) }}
    {%- for side in clientele.side_inputs() if clientele.side_relation(side) -%}
    union all
    {{ clientele.side_relation_seen(side) }}
    {%- endfor -%}
{% endmacro %}


{% macro side_files_seen(earlier) %}
    {{- return(adapter.dispatch('side_files_seen', 'clientele')(earlier)) -}}
{% endmacro %}


{% macro side_file_lines(files) %}
    {#- A query for the split lines of `files`, a query of the ledger. -#}
    {{- return(adapter.dispatch('side_file_lines', 'clientele')(files)) -}}
{% endmacro %}


{% macro stop_on_side_files() %}
    {#- post_hook of side_files: what cannot be read ends the build before anything is loaded, as it does for events. -#}
    {%- if execute -%}
        {%- set problems = [] -%}
        {%- if clientele.setting('on_refused_file') == 'fail' -%}
            {%- do problems.extend(
                run_query("select reason from " ~ this ~ " where status = 'refused' order by file_path").columns[0].values()
            ) -%}
        {%- endif -%}
        {%- for side in clientele.side_inputs() -%}
            {%- for file in run_query(
                "select file_path from " ~ this ~ " where status = 'accepted' and side_input = '" ~ side['name'] ~ "' and reading != '"
                ~ clientele.side_reading(side) ~ "' order by file_path"
            ).rows -%}
                {%- do problems.append(
                    'Side input ' ~ side['name'] ~ ': ' ~ file['file_path'] ~ ' was read with other columns or another delimiter than those of'
                    ~ ' today, and is not there to be read again. Deliver it again.'
                ) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- if problems -%}
            {{ clientele.refuse(
                'Nothing was loaded.\n- ' ~ problems | join('\n- ') ~ "\nMend or remove what is named above. To go on without what cannot be"
                ~ " read, and with what was read before: --vars '{on_refused_file: skip}'."
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro side_reading(side) %}
    {#- How the fields of a line are numbered: the twin of SideInput.reading in src/clientele/intake/side.py. -#}
    {%- set code = {'comma': 44, 'semicolon': 59, 'tab': 9, 'pipe': 124}[clientele.setting('delimiter')] -%}
    {{ return(([code, side['person'] or '-'] + side['columns'] | map(attribute='name') | list) | join(' ')) }}
{% endmacro %}


{% macro side_lines_too_old(lines) %}
    {#- A query of file_id and line_number of lines that retention lets go, of `lines`, a CTE: those that name nobody where they
        should, unnamed_lines_days after their file came; and rows whose time is older than events are kept (`kept: {events:
        column}`), or older than profiles are kept and of nobody known (`kept: {profiles: column}`), or which came as long ago
        and have no time that can be meant. -#}
    {%- set months = {
        'events': clientele.setting('events_retention_months'), 'profiles': clientele.setting('inactive_profile_months'),
    } -%}
    {%- for side in clientele.side_inputs() if side['person'] %}
    select file_id, line_number
    from {{ lines }}
    where
        side_input = '{{ side['name'] }}' and line_kind = 'line' and user_id is null
        and {{ clientele.was_delivered_before('day', clientele.setting('unnamed_lines_days'), ref('side_files')) }}
    {%- for what, name in side['kept'].items() %}
    {%- set column = side['columns'] | selectattr('name', 'equalto', name) | first %}
    union all
    select file_id, line_number
    from (
        select
            {{ lines }}.*,
            {{ clientele.side_moment(clientele.present(clientele.normal_text(side['field'][name]))) }} as moment
        from {{ lines }}
        where side_input = '{{ side['name'] }}' and line_kind = 'line' and user_id is not null
    ) as named_lines
    where
        (
            moment < {{ clientele.kept_from(what) }}
            or (
                (moment is null {{ 'or ' ~ clientele.is_in_future('moment') if column['is_past'] }})
                and {{ clientele.was_delivered_before('month', months[what], ref('side_files')) }}
            )
        )
        {% if what == 'profiles' -%}
        and user_id not in (select user_id from {{ ref('user_keys') }})
        {%- endif %}
    {%- endfor %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    {%- if not clientele.side_inputs() | selectattr('person') | list %}
    select file_id, line_number from {{ lines }} where 1 = 0
    {%- endif %}
{% endmacro %}


{% macro forget_side_batch() %}
    {#- post_hook of side_lines: what the reader has written for DuckDB has served. -#}
    {{- return(adapter.dispatch('forget_side_batch', 'clientele')()) -}}
{% endmacro %}


{% macro erase_side_lines(relation, condition) %}
    {#- A statement: lines that are meant by the condition keep their number and nothing else, so that the books balance. -#}
    {%- set emptied = ['user_id = null', 'line_fault = null', 'person = null', 'line_text = null'] -%}
    {%- for name in clientele.side_fields() -%}{%- do emptied.append(name ~ ' = null') -%}{%- endfor -%}
    {{ return('update ' ~ relation ~ " set line_kind = 'erased', " ~ emptied | join(', ') ~ ' where ' ~ condition) }}
{% endmacro %}
