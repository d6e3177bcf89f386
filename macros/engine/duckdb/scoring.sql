{#- Publishing what scoring needs (macros/serving/scoring.sql) beside the marts, before the publication is finished. -#}

{% macro duckdb__publish_scoring(statements) %}
    {#- `statements`: {model: file of its compiled SQL}. Says what is missing where there is not all. -#}
    {%- set missing = clientele.scoring_steps() | reject('in', statements) | list -%}
    {%- if missing -%}
        {{ print('not published for scoring: this run has not built ' ~ missing | join(', ')) }}
        {{ return(none) }}
    {%- endif -%}
    {%- set nodes = {} -%}
    {%- for node in graph.nodes.values() if node.package_name == 'clientele' and node.resource_type in ['model', 'seed'] -%}
        {%- do nodes.update({node.name: node}) -%}
    {%- endfor -%}
    {%- set steps = [] -%}
    {%- for name in clientele.scoring_steps() -%}
        {%- do steps.append({'name': name, 'relation': nodes[name].relation_name, 'file': statements[name]}) -%}
    {%- endfor -%}
    {%- set references = [] -%}
    {%- for name in clientele.scoring_references() -%}{%- do references.append(nodes[name].relation_name) -%}{%- endfor -%}
    {%- set facts = {
        'steps': steps, 'references': references, 'user_keys': nodes['user_keys'].relation_name,
        'users': nodes['users'].relation_name, 'event_files': nodes['event_files'].relation_name,
        'as_of': nodes['as_of'].relation_name, 'customer_values': nodes['customer_values'].relation_name,
        'event_types': nodes['event_type_map'].relation_name, 'column_map': nodes['column_map'].relation_name,
        'segments': nodes['user_segments'].relation_name,
        'lines': clientele.duckdb__csv_lines(none), 'repeats': clientele.repeat_numbers(api.Relation.create(
            database=nodes['stg_lake__lines'].database, schema=nodes['stg_lake__lines'].schema, identifier='stg_lake__lines'
        )) or '', 'delimiter': clientele.setting('delimiter'), 'reasons': clientele.quarantine_reasons(),
    } -%}
    {%- set written = fromjson(run_query(
        "select clientele_scoring_program(getvariable('clientele_publication'), '" ~ tojson(facts) | replace("'", "''") ~ "')"
    ).columns[0].values()[0]) -%}
    {%- if written['problem'] -%}{{ print('not published for scoring: ' ~ written['problem']) }}{%- endif -%}
    {%- for table in written['tables'] -%}
        {%- do run_query(
            'copy (select * from ' ~ table['relation'] ~ ('' if table['has_rows'] else ' limit 0') ~ (
                ' order by all' if table['has_rows']) ~ ") to (getvariable('clientele_publication') || '/" ~ table['file'] ~ "') ("
            ~ clientele.published_format() ~ ')'
        ) -%}
    {%- endfor -%}
{% endmacro %}
