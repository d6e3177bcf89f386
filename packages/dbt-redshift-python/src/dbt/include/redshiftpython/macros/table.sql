{#- A SQL model is dbt-redshift's affair from the first line to the last. A Python model writes a new table and takes
    the old one's place in one transaction, as a SQL model does. -#}

{% materialization table, adapter='redshiftpython', supported_languages=['sql', 'python'] %}
    {%- if model['language'] == 'sql' -%}
        {{ return(materialization_table_redshift()) }}
    {%- endif -%}
    {%- set new_relation = redshiftpython__start_python_table(pre_hooks) -%}
    {#- dbt lets nobody but a materialization itself submit Python. -#}
    {% call statement('main', language='python') -%}
        {{ redshiftpython__python_code(new_relation, redshiftpython__declared_types()) }}
    {%- endcall %}
    {{ return(redshiftpython__finish_python_table(new_relation, post_hooks)) }}
{% endmaterialization %}


{% macro redshiftpython__start_python_table(pre_hooks) %}
    {#- Returns the relation that the model is to write. -#}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set new_relation = make_intermediate_relation(target_relation) -%}
    {{ drop_relation_if_exists(load_cached_relation(new_relation)) }}
    {{ drop_relation_if_exists(load_cached_relation(make_backup_relation(target_relation, 'table'))) }}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {{ return(new_relation) }}
{% endmacro %}


{% macro redshiftpython__finish_python_table(new_relation, post_hooks) %}
    {#- The new table takes the old one's place; returns what a materialization returns. -#}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set old_relation = make_backup_relation(
        target_relation, 'table' if existing_relation is none else existing_relation.type
    ) -%}
    {%- if existing_relation is not none -%}
        {{ adapter.rename_relation(existing_relation, old_relation) }}
    {%- endif -%}
    {{ adapter.rename_relation(new_relation, target_relation) }}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do apply_grants(
        target_relation, config.get('grants'), should_revoke=should_revoke(existing_relation, full_refresh_mode=True)
    ) -%}
    {%- do persist_docs(target_relation, model) -%}
    {{ adapter.commit() }}
    {{ drop_relation_if_exists(old_relation) }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmacro %}


{% macro redshiftpython__declared_types() %}
    {#- {column: data_type} of the columns that the model's yml gives a type. -#}
    {%- set types = {} -%}
    {%- for column in model.columns.values() if column.get('data_type') -%}
        {%- do types.update({column['name']: column['data_type']}) -%}
    {%- endfor -%}
    {{ return(types) }}
{% endmacro %}


{% macro redshiftpython__python_code(relation, types, is_temporary=false) %}
    {#- The model as dbt compiled it, and how the adapter writes its result. -#}
    {%- set attributes = '' -%}
    {%- if not is_temporary -%}
        {%- set attributes = ('backup no ' if config.get('backup') == false else '')
            ~ dist(config.get('dist')) ~ ' ' ~ sort(config.get('sort_type'), config.get('sort')) -%}
    {%- endif -%}
{{ compiled_code }}


def materialize(session, result):
    return session.write(
        result,
        relation={{ relation | string | tojson }},
        types={{ types | tojson }},
        attributes={{ attributes.split() | join(' ') | tojson }},
        is_temporary={{ 'True' if is_temporary else 'False' }},
    )
{% endmacro %}
