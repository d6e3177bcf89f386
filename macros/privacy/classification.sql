{#- Classification: every table says in its yml whom it is about, every column whether it holds what names somebody. What
    erases, exports, grants or reports reads it here, from the manifest; there is no second list. Tags and their
    meaning: docs/privacy.md. -#}

{% macro subject_keys() %}
    {#- How a person's rows are found by a column: the key that it holds. -#}
    {{ return({
        'user_id': 'the shop''s own number of the customer',
        'user_sk': 'the number under which core knows the customer',
        'user_key': 'the pseudonym under which marts know the customer',
        'session_of_nobody_else': 'the session of a line without a user, which the customer alone has',
        'line_id': 'the number of a line of vault.stg_lake__lines, which holds the number of the customer',
    }) }}
{% endmacro %}


{% macro subject_models() %}
    {#- Every model, seed and snapshot whose rows are about a person: its node, its relation and the columns by which a
        person's rows are found, {column: one of subject_keys()}. In the order of their names. Empty while dbt parses. -#}
    {%- set found = [] -%}
    {%- for node in clientele._tables() if node.config.meta.get('data_subject') == 'user' -%}
        {%- set keys = {} -%}
        {%- for name, column in node.columns.items() if clientele._tags(column).get('subject_key') -%}
            {%- do keys.update({name: clientele._tags(column)['subject_key']}) -%}
        {%- endfor -%}
        {%- do found.append({
            'name': node.name,
            'node': node,
            'relation': api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias),
            'keys': keys,
        }) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}


{% macro check_classification() %}
    {#- on-run-start: ends the build, before it reads anything, unless every table and every column is classified. -#}
    {%- if execute -%}
        {{ clientele._refuse_classification(clientele.classification_problems()) }}
    {%- endif -%}
{% endmacro %}


{% macro check_built_columns(results) %}
    {#- on-run-end: ends the build, before anything is published, when a table has a column that its yml does not list:
        nobody has said what it holds. -#}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry', 'seed', 'snapshot'] -%}
        {%- set built = results | selectattr('status', 'equalto', 'success') | map(attribute='node') | map(attribute='unique_id') | list -%}
        {%- set tables = {} -%}
        {%- for node in clientele._tables() if node.unique_id in built -%}
            {%- do tables.update({
                (node.schema ~ '.' ~ node.alias) | lower: {'node': node, 'columns': clientele._classified_columns(node)}
            }) -%}
        {%- endfor -%}
        {%- set problems = [] -%}
        {%- if tables -%}
            {%- for row in run_query(clientele.held_columns(tables.values() | map(attribute='node.schema') | unique | sort)).rows -%}
                {%- set table = tables.get(row[0] ~ '.' ~ row[1]) -%}
                {%- if table and row[2] not in table.columns -%}
                    {%- do problems.append(clientele._column_problem(table.node, row[2], 'is in the database but not in the yml')) -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endif -%}
        {{ clientele._refuse_classification(problems) }}
    {%- endif -%}
{% endmacro %}


{% macro classification_problems() %}
    {#- What is not classified, or contradicts itself, as sentences that name table and column. -#}
    {%- set raw_names = ['user_id', 'user_session', 'line_text'] -%}
    {%- set problems = [] -%}
    {%- for node in clientele._tables() -%}
        {%- set meta = node.config.meta -%}
        {%- set table = node.resource_type ~ " '" ~ node.name ~ "'" -%}
        {%- if meta.get('contains_pii') not in [true, false] -%}
            {%- do problems.append(table ~ " has no tag contains_pii: true or false (config: meta:)") -%}
        {%- endif -%}
        {%- if meta.get('data_subject') not in ['user', 'none'] -%}
            {%- do problems.append(table ~ " has no tag data_subject: user or none (config: meta:)") -%}
        {%- endif -%}
        {%- if not node.columns -%}
            {%- do problems.append(table ~ " has no column in any yml") -%}
        {%- endif -%}
        {%- set raw = [] -%}
        {%- set keys = [] -%}
        {%- for name, column in node.columns.items() -%}
            {%- set tags = clientele._tags(column) -%}
            {%- if tags.get('contains_pii', false) not in [true, false] -%}
                {%- do problems.append(clientele._column_problem(node, name, 'has a tag contains_pii that is neither true nor false')) -%}
            {%- elif tags.get('contains_pii') -%}
                {%- do raw.append(name) -%}
            {%- elif name | lower in raw_names -%}
                {%- do problems.append(clientele._column_problem(node, name, 'is a raw id or a raw line by its name, but contains_pii is false')) -%}
            {%- endif -%}
            {%- if tags.get('subject_key') -%}
                {%- do keys.append(name) -%}
                {%- if tags['subject_key'] not in clientele.subject_keys() -%}
                    {%- do problems.append(clientele._column_problem(
                        node, name, "has subject_key '" ~ tags['subject_key'] ~ "', it must be " ~ clientele.subject_keys() | join(' or ')
                    )) -%}
                {%- endif -%}
            {%- elif name | lower in clientele.subject_keys() -%}
                {%- do problems.append(clientele._column_problem(node, name, 'has no tag subject_key: ' ~ name | lower)) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if raw and node.schema != 'vault' -%}
            {%- do problems.append(clientele._column_problem(node, raw | join(', '), "contains_pii and the table is in '" ~ node.schema ~ "': raw ids stay in the vault")) -%}
        {%- endif -%}
        {%- if (raw | length > 0) != (meta.get('contains_pii') == true) -%}
            {%- do problems.append(table ~ ": its tag contains_pii is not that of its columns") -%}
        {%- endif -%}
        {%- if (keys | length > 0) != (meta.get('data_subject') == 'user') -%}
            {%- do problems.append(table ~ ": data_subject must be user when a column has a subject_key, and only then") -%}
        {%- endif -%}
        {%- if node.schema == 'marts' and meta.get('data_subject') == 'none' -%}
            {%- do problems.extend(clientele._disclosure_problems(node, table)) -%}
        {%- endif -%}
        {%- if meta.get('columns_from') and clientele._tables() | selectattr('name', 'equalto', meta['columns_from']) | list | length == 0 -%}
            {%- do problems.append(table ~ ": columns_from names '" ~ meta['columns_from'] ~ "', which is no table of this project") -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(problems) }}
{% endmacro %}


{% macro _disclosure_problems(node, table) %}
    {#- What a published table about groups does not say of its columns, as sentences. -#}
    {%- set problems = [] -%}
    {%- set kinds = [] -%}
    {%- for name, column in node.columns.items() -%}
        {%- set tags = clientele._tags(column) -%}
        {%- do kinds.append(tags.get('disclosure')) -%}
        {%- if kinds[-1] not in clientele.disclosure_kinds() -%}
            {%- do problems.append(clientele._column_problem(
                node, name, 'is published and has no tag disclosure: ' ~ clientele.disclosure_kinds() | join(' or ')
            )) -%}
        {%- endif -%}
        {%- if not column.data_type -%}
            {%- do problems.append(clientele._column_problem(node, name, 'is published and has no data_type')) -%}
        {%- endif -%}
        {%- if clientele._is_money(name, column) and not tags.get('like') and not (tags.get('of') and (tags.get('largest') or tags.get('limit'))) -%}
            {%- do problems.append(clientele._column_problem(
                node, name, 'is a sum or a mean of money: it needs `of`, the column that counts who paid, and `limit`, the column with as '
                ~ 'much of one payer as counts, or `largest`, with the largest payer\'s part; or `like`, the column that has both'
            )) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if ('size' in kinds or 'figure' in kinds) and (kinds | select('equalto', 'size') | list | length != 1
        or 'clientele.published_cells(' not in node.raw_code) -%}
        {%- do problems.append(
            table ~ ' publishes figures about groups: it needs one column of disclosure: size, and has to end with '
            ~ 'clientele.published_cells()'
        ) -%}
    {%- endif -%}
    {{ return(problems) }}
{% endmacro %}


{% macro _is_money(name, column) %}
    {#- By its type or by its name: a figure of money hangs on whoever pays most. -#}
    {{ return(
        clientele._tags(column).get('disclosure') == 'figure'
        and (
            modules.re.match('(?i)(decimal|numeric|money)', column.data_type or '') is not none
            or modules.re.search('(?i)revenue|turnover|spen[dt]|sales|amount|price|paid', name) is not none
        )
    ) }}
{% endmacro %}


{% macro held_columns(schemas) %}
    {#- A query for every column in these schemas: schema, table and column in lower case. -#}
    {{ return(adapter.dispatch('held_columns', 'clientele')(schemas)) }}
{% endmacro %}


{% macro _tables() %}
    {#- All of this project that dbt keeps as a table or a view, in the order of its names. What another project makes of it,
        that project answers for. -#}
    {{ return(
        graph.nodes.values() | selectattr('package_name', 'equalto', 'clientele')
        | selectattr('resource_type', 'in', ['model', 'seed', 'snapshot']) | sort(attribute='name')
    ) }}
{% endmacro %}


{% macro _tags(column) %}
    {{ return((column.get('config') or {}).get('meta') or column.get('meta') or {}) }}
{% endmacro %}


{% macro _classified_columns(node) %}
    {#- A table that repeats the columns of another, as the features are repeated, names it in meta.columns_from. -#}
    {%- set names = node.columns.keys() | map('lower') | list -%}
    {%- if node.config.meta.get('columns_from') -%}
        {%- for other in clientele._tables() if other.name == node.config.meta['columns_from'] -%}
            {%- do names.extend(other.columns.keys() | map('lower')) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(names) }}
{% endmacro %}


{% macro _column_problem(node, name, problem) %}
    {{ return(node.resource_type ~ " '" ~ node.name ~ "', column '" ~ name ~ "': " ~ problem) }}
{% endmacro %}


{% macro _refuse_classification(problems) %}
    {%- if problems -%}
        {{ clientele.refuse(
            'Not every table says what it holds of whom:\n- ' ~ problems | join('\n- ')
            ~ '\nAdd or mend the tags in the yml beside the model; docs/privacy.md says what they mean.'
        ) }}
    {%- endif -%}
{% endmacro %}
