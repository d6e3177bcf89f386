{#- As for tables: SQL models are dbt's own. A Python model's new rows go into a temporary table, with the types of the
    table they are for, and from there on everything is the incremental strategy of SQL models. -#}

{% materialization incremental, adapter='redshiftpython', supported_languages=['sql', 'python'] %}
    {%- if model['language'] == 'sql' -%}
        {{ return(materialization_incremental_default()) }}
    {%- endif -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set types = redshiftpython__declared_types() -%}

    {%- if existing_relation is none or existing_relation.is_view or should_full_refresh() -%}
        {%- set new_relation = redshiftpython__start_python_table(pre_hooks) -%}
        {% call statement('main', language='python') -%}
            {{ redshiftpython__python_code(new_relation, types) }}
        {%- endcall %}
        {{ return(redshiftpython__finish_python_table(new_relation, post_hooks)) }}
    {%- endif -%}

    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set new_rows = make_temp_relation(target_relation) -%}
    {%- set strategy = adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy') or 'default') -%}
    {%- set on_schema_change = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- for column in adapter.get_columns_in_relation(existing_relation) -%}
        {%- do types.update({column.name: column.data_type}) -%}
    {%- endfor -%}
    {% call statement('python', language='python') -%}
        {{ redshiftpython__python_code(new_rows, types, is_temporary=true) }}
    {%- endcall %}
    {%- set columns = process_schema_changes(on_schema_change, new_rows, existing_relation)
        or adapter.get_columns_in_relation(existing_relation) -%}
    {% call statement('main') -%}
        {{ strategy({
            'target_relation': target_relation,
            'temp_relation': new_rows,
            'unique_key': config.get('unique_key'),
            'dest_columns': columns,
            'incremental_predicates': config.get('predicates') or config.get('incremental_predicates'),
        }) }}
    {%- endcall %}
    {%- do run_query('drop table ' ~ new_rows) -%}

    {%- do apply_grants(
        target_relation, config.get('grants'), should_revoke=should_revoke(existing_relation, full_refresh_mode=False)
    ) -%}
    {%- do persist_docs(target_relation, model) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
