{#- What a run of dbt must not do to a warehouse. on-run-start, before the first change: each refusal names the command that
    does what was wanted. -#}

{% macro check_invocation() %}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry'] -%}
        {%- if invocation_args_dict.get('empty') -%}
            {{ clientele.refuse(
                'Nothing was changed. --empty would build every table without rows, and so empty the books. To see whether the SQL'
                ~ ' compiles: dbt compile. To try a change: dbt build with another CLIENTELE_HOME.'
            ) }}
        {%- endif -%}
        {{ clientele.check_selection() }}
        {{ clientele.check_parents() }}
        {{ clientele.check_reading_settings() }}
        {{ clientele.check_lake() }}
    {%- endif -%}
{% endmacro %}


{% macro check_selection() %}
    {#- core.events commits a load: what is made from the same lines has to be in place before. And a table that is made from
        lines can be built whole only when the files are read again. -#}
    {%- for node in graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | sort(attribute='name')
        if node.unique_id in selected_resources and node.package_name == 'clientele' and clientele.room_of(node) == 'intake' -%}
        {%- if flags.FULL_REFRESH and node.name == 'event_files' and 'model.clientele.events' not in selected_resources -%}
            {{ clientele.refuse(
                'Nothing was changed. This selection has event_files without events: a full refresh of the ledger forgets what is held, and'
                ~ ' the next build would take away the events of files that are not in the lake any more. Run dbt build --full-refresh,'
                ~ ' which reads all files again and says which are lost.'
            ) }}
        {%- endif -%}
        {%- set is_emptied = flags.FULL_REFRESH and node.config.materialized == 'incremental' and node.config.full_refresh is not false -%}
        {%- if node.name == 'events' or is_emptied -%}
            {%- set missing = [] -%}
            {%- for parent in clientele.models_above(node.unique_id, []) if parent not in selected_resources -%}
                {%- do missing.append(graph.nodes[parent].name) -%}
            {%- endfor -%}
            {%- if missing -%}
                {{ clientele.refuse(
                    'Nothing was changed. This selection has ' ~ node.name ~ ' without ' ~ missing | sort | join(', ')
                    ~ ', and ' ~ ('would leave it without the rows of earlier files' if is_emptied else 'would leave out what they make of new files')
                    ~ '. Run ' ~ ('dbt build --full-refresh, which reads all files again.' if is_emptied
                        else 'dbt build, or dbt run --select +events for the events alone.')
                ) }}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}


{% macro check_parents() %}
    {#- A part of a home in which the rest is not built yet would end in an error of the engine. A deferred run reads what it does
        not build from elsewhere, and where nothing has been fitted SQL does without (`clientele fit` can come later). -#}
    {%- set missing, selected = [], set(selected_resources) -%}
    {%- for node in graph.nodes.values() | selectattr('resource_type', 'in', ['model', 'test'])
        if node.unique_id in selected and node.package_name == 'clientele' and not invocation_args_dict.get('defer') -%}
        {%- for name in node.depends_on.nodes if name in graph.nodes and name not in selected -%}
            {%- set parent = graph.nodes[name] -%}
            {%- if parent.resource_type in ['model', 'seed'] and parent.config.materialized != 'ephemeral' and parent.language != 'python'
                and parent.name not in missing
                and adapter.get_relation(database=parent.database, schema=parent.schema, identifier=parent.alias) is none -%}
                {%- do missing.append(parent.name) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if missing -%}
        {{ clientele.refuse(
            'Nothing was changed. This selection is made from, or tests, ' ~ (missing | sort)[:5] | join(', ')
            ~ (' and ' ~ (missing | length - 5) ~ ' more' if missing | length > 5) ~ ', which this home does not have yet. Run dbt build,'
            ~ ' or put a plus before what is selected (dbt build --select +name), which builds what it is made from;'
            ~ ' --indirect-selection cautious leaves out tests of tables that are not selected.'
        ) }}
    {%- endif -%}
{% endmacro %}


{% macro can_clone_table() %}
    {#- In place of dbt's own macro, which `dbt clone` asks before it replaces a table; no hook runs then. With --full-refresh a clone
        that comes from its own place would be a view of itself, and the table would be gone. -#}
    {%- if execute and defer_relation is defined and defer_relation | string == this | string -%}
        {{ clientele.refuse(
            'Nothing was changed. ' ~ this ~ ' would be cloned from itself, and lost. Clone into a schema of your own (dbt clone --target),'
            ~ ' or copy a home: clientele backup, and clientele restore into another folder.'
        ) }}
    {%- endif -%}
    {#- neither engine has clones that share their blocks: a clone elsewhere is a view -#}
    {{ return(false) }}
{% endmacro %}


{% macro check_reading_settings() %}
    {#- Events that are held were read with the settings of then; today's reach them only when the files are read again. -#}
    {%- set lines = 'model.clientele.stg_lake__lines' -%}
    {%- set marks = adapter.get_relation(database=target.database, schema='core', identifier='load_marks') -%}
    {%- if marks is not none and lines in selected_resources and not flags.FULL_REFRESH -%}
        {%- if 'settings' in clientele.column_names(marks) -%}
            {%- for mark in run_query(
                'select settings from ' ~ marks ~ " where model_name = 'stg_lake__lines' and " ~ clientele.taken_in('events') ~ ' > 0'
            ).rows -%}
                {%- set changed = clientele.changed_settings(mark['settings'] or '') -%}
                {%- if changed -%}
                    {{ clientele.refuse(
                        'Nothing was changed. ' ~ changed | join(', ') ~ ': the files were read with the former value. Set it back,'
                        ~ ' or run dbt build --full-refresh, which reads all files again (those that are not in the lake any more are lost).'
                    ) }}
                {%- endif -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro check_lake() %}
    {#- A folder without an event file, which a volume that failed to mount leaves, and one that is not there. Without a key, which
        is refused next, nobody looks. -#}
    {%- if 'model.clientele.event_files' in selected_resources and clientele.setting('events_relation') == 'none'
        and clientele.setting('on_refused_file') == 'fail' and not clientele.pseudonym_key_problem() -%}
        {%- set problem = clientele.lake_problem() -%}
        {%- if problem -%}{{ clientele.refuse('Nothing was changed. ' ~ problem) }}{%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro models_above(unique_id, found) %}
    {#- All models that a node is built from. -#}
    {%- for parent in graph.nodes[unique_id].depends_on.nodes if parent.startswith('model.') and parent not in found -%}
        {%- do found.append(parent) -%}
        {%- do clientele.models_above(parent, found) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}
