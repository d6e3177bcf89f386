{#- What a kept table is built with. Its SQL as a full build would run it holds every setting, macro, feature and column that
    its rows come from. A hash of it stands beside the table's mark (core.load_marks), together with those of the tables that
    it is built from. A table whose hash is not today's is built whole, by itself, in its place in the build and in one
    transaction. Nobody has to declare a setting or to raise a version. Tables of the intake are made from files and not
    from tables: of them, the settings they read the files with are kept, and macros/runtime/invocations.sql compares. -#}

{% macro should_full_refresh() %}
    {#- In place of dbt's own macro: a full refresh is asked for, or this table is built with something else than today's. -#}
    {%- if config.get('full_refresh') is not none -%}{{ return(config.get('full_refresh')) }}{%- endif -%}
    {{ return(flags.FULL_REFRESH or clientele.is_built_otherwise()) }}
{% endmacro %}


{% macro is_built_otherwise() %}
    {%- if not execute or flags.WHICH not in ['build', 'run', 'retry'] or not clientele.is_marked(model) -%}{{ return(false) }}{%- endif -%}
    {%- if clientele.room_of(model) == 'intake' -%}{{ return(false) }}{%- endif -%}
    {{ return('settings_read' in model or clientele.built_with().is_changed) }}
{% endmacro %}


{% macro built_with() %}
    {#- {fingerprint, settings, is_changed, changed_settings} of this model; settings are its own and those of the tables above
        it. `model` holds it: a context is one model's, and settings note themselves there (`settings_read`) while the SQL is
        rendered for this. -#}
    {%- if 'built_with' not in model -%}
        {%- do model.update({'settings_read': {}}) -%}
        {%- set sql = modules.re.sub('--[^\n]*', '', render(model.raw_code)) -%}
        {%- set parts = [modules.re.sub('\\s+', ' ', sql).strip()] -%}
        {%- set read = model.pop('settings_read') -%}
        {%- for column in model.columns.values() -%}{%- do parts.append(column.name ~ ' ' ~ column.data_type) -%}{%- endfor -%}
        {%- for seed in model.depends_on.nodes if seed.startswith('seed.') -%}
            {%- do parts.append(graph.nodes[seed].checksum.checksum) -%}
        {%- endfor -%}
        {%- set parents = clientele.marked_parents(model.unique_id, []) -%}
        {%- set stored = {'fingerprint': none, 'settings': ''} -%}
        {%- for mark in run_query(
            'select model_name, built_with, settings from ' ~ clientele.load_marks() ~ " where model_name in ('"
            ~ (parents + [this.identifier]) | join("', '") ~ "') order by model_name"
        ).rows -%}
            {%- if mark['model_name'] == this.identifier -%}
                {%- do stored.update({'fingerprint': mark['built_with'], 'settings': mark['settings'] or ''}) -%}
            {%- else -%}
                {%- do parts.append(mark['model_name'] ~ ' ' ~ mark['built_with']) -%}
                {%- for entry in (mark['settings'] or '').split('; ') if '=' in entry -%}
                    {%- do read.setdefault(entry.split('=', 1)[0], entry.split('=', 1)[1]) -%}
                {%- endfor -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set values = [] -%}
        {%- for name, value in read | dictsort -%}{%- do values.append(name ~ '=' ~ value) -%}{%- endfor -%}
        {%- set fingerprint = local_md5(parts | join('\n')) -%}
        {%- do model.update({'built_with': {
            'fingerprint': fingerprint, 'settings': values | join('; '), 'is_changed': fingerprint != stored.fingerprint,
            'changed_settings': clientele.changed_settings(stored.settings),
        }}) -%}
    {%- endif -%}
    {{ return(model['built_with']) }}
{% endmacro %}


{% macro changed_settings(stored) %}
    {#- ['name was old and is new'] of the settings that a table was built with, as its mark has them. -#}
    {%- set changed = [] -%}
    {%- for entry in stored.split('; ') if '=' in entry -%}
        {%- set name, before = entry.split('=', 1) -%}
        {%- if name in clientele.setting_forms() and (var(name) | string).strip() != before -%}
            {%- do changed.append(name ~ ' was ' ~ before ~ ' and is ' ~ (var(name) | string).strip()) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(changed) }}
{% endmacro %}


{% macro tell_what_is_built_whole() %}
    {#- pre_hook: one sentence, before a kept table is built whole though nobody asked for it. -#}
    {%- if execute and not flags.FULL_REFRESH and model.config.materialized == 'incremental' and clientele.is_built_otherwise() -%}
        {%- if load_relation(this) is not none -%}
            {{ print(
                this.identifier ~ ' is built whole: '
                ~ (clientele.built_with().changed_settings | join(', ') or 'its SQL, or a table that it is built from, is not that of the last build')
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro is_marked(node) %}
    {#- Whether a node, or a model as its own context has it, writes a mark. -#}
    {%- set hooks = node.config.get('post-hook') or node.config.get('post_hook') or [] -%}
    {{ return('mark_load' in hooks | string) }}
{% endmacro %}


{% macro marked_parents(unique_id, found) %}
    {#- Names of the nearest tables above a node that write a mark. Of the intake that is core.events alone, which commits
        a load for all of them. -#}
    {%- for parent in graph.nodes[unique_id].depends_on.nodes if parent.startswith('model.') -%}
        {%- set node = graph.nodes[parent] -%}
        {%- if clientele.is_marked(node) -%}
            {%- if node.name not in found and node.name != 'stg_lake__lines' -%}{%- do found.append(node.name) -%}{%- endif -%}
        {%- elif clientele.room_of(node) != 'intake' -%}
            {%- do clientele.marked_parents(parent, found) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found | sort) }}
{% endmacro %}
