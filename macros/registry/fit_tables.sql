{#- Fits of a version that kept them in one wide table (core.segment_fits), as the fields that today's version reads. -#}

{% macro create_fit_tables() %}
    {#- on-run-start: the table of each model that fits is there before it fits for the first time, so that a build without
        Python models has one to read. Fits of an earlier version are taken over. -#}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry'] -%}
        {{ clientele.take_over_fits() }}
        {%- for node in graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | sort(attribute='name')
            if 'fit' in node.config.tags and node.package_name == 'clientele' -%}
            {%- if adapter.get_relation(database=target.database, schema=node.schema, identifier=node.name) is none -%}
                {%- set fields = clientele.built(node.schema, node.name).incorporate(type='table') -%}
                {%- set columns = {} -%}
                {%- for column in node.columns.values() -%}{%- do columns.update({column.name: column.data_type}) -%}{%- endfor -%}
                {%- do adapter.create_schema(fields.without_identifier()) -%}
                {%- do clientele.create_if_missing(fields, columns) -%}
                {%- do adapter.cache_added(fields) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}


{% macro take_over_fits() %}
    {#- Models of an earlier version keep their number, ids, names and weights. Studies of short histories and
        the value of customers are worked out again by themselves. The wide table stays as it is and is not read again. -#}
    {%- set earlier = adapter.get_relation(database=target.database, schema='core', identifier='segment_fits') -%}
    {%- set known = adapter.get_relation(database=target.database, schema='core', identifier='persona_fit_fields') -%}
    {%- if earlier is not none and known is none -%}
        {%- set fields = clientele.built('core', 'persona_fit_fields').incorporate(type='table') -%}
        {%- do run_query('create table ' ~ fields ~ ' as ' ~ clientele._fields_of_wide_fits(earlier)) -%}
        {#- dbt has listed the tables already -#}
        {%- do adapter.cache_added(fields) -%}
        {%- do log('The models of the version before are taken over: core.persona_fit_fields now holds their rows.', info=true) -%}
    {%- endif -%}
{% endmacro %}


{% macro _wide_fields() %}
    {#- Of each kind of row of the wide table: what makes a row, and which column held which field. -#}
    {{ return({
        'weight': {'segment_id': 'segment_id', 'feature': 'item', 'feature_position': 'item_position', 'weight': 'value',
            'feature_mean': 'feature_mean', 'clip_lo': 'clip_lo', 'clip_hi': 'clip_hi'},
        'diagnostic': {'n_segments': 'item_position', 'metric': 'item', 'value': 'value', 'threshold': 'clip_lo', 'verdict': 'text'},
        'confidence': {'margin_lo': 'clip_lo', 'confidence': 'value'},
        'feature': {'feature': 'item', 'feature_position': 'item_position', 'reliability': 'value', 'status': 'text'},
        'evaluation': {'model': 'model', 'compared_with': 'compared_with', 'origin': 'origin', 'fold': 'fold', 'metric': 'item',
            'value': 'value', 'ci_lo': 'clip_lo', 'ci_hi': 'clip_hi', 'n_users': 'n_users'},
        'gate': {'criterion_position': 'item_position', 'criterion': 'item', 'compared_with': 'compared_with', 'bar': 'clip_hi',
            'value': 'value', 'ci_lo': 'clip_lo', 'verdict': 'text'},
        'lineage': {'segment_id': 'segment_id', 'change': 'item', 'from_segment_id': 'item_position', 'jaccard': 'value',
            'n_users': 'clip_lo', 'from_n_users': 'clip_hi', 'from_model_version': 'compared_with'},
        'rule': {'segment_id': 'segment_id', 'rule_number': 'item_position', 'feature': 'item', 'above': 'clip_lo', 'up_to': 'clip_hi'},
        'rule_words': {'segment_id': 'segment_id', 'rule_number': 'item_position', 'language': 'item', 'words': 'text',
            'coverage': 'value', 'rule_precision': 'feature_mean'},
        'rule_fidelity': {'segment_id': 'segment_id', 'metric': 'item', 'value': 'value'},
        'unchanged': {'is_unchanged': '1'},
    }) }}
{% endmacro %}


{% macro _fields_of_wide_fits(earlier) %}
    {%- set texts = ['item', 'text', 'model', 'compared_with', 'origin'] -%}
with

wide as (
    select
        segment_fits.*,
        row_number() over (
            partition by fit_number, row_kind order by model, compared_with, origin, fold, segment_id, item_position, item, clip_lo
        ) as place
    from {{ earlier }} as segment_fits
),

cards as (
    select
        fit_number,
        model_version,
        max(case when item = 'status' then text end) as status,
        max(case when item = 'gate' then text end) as gate,
        max(case when item = 'model_status' then text end) as model_status
    from wide
    where row_kind = 'card'
    group by fit_number, model_version
),

fields as (
    {% for part, columns in clientele._wide_fields().items() %}{% for field, column in columns.items() %}
    select
        fit_number,
        model_version,
        '{{ part }}' as part,
        place as row_position,
        '{{ field }}' as field,
        {{ 'cast(null as double precision)' if column in texts else 'cast(' ~ column ~ ' as double precision)' }} as number_value,
        {{ column if column in texts else 'cast(null as varchar(65535))' }} as text_value
    from wide
    where row_kind = '{{ part }}'
    union all
    {% endfor %}{% endfor %}
    select fit_number, model_version, 'name', segment_id, 'segment_id', cast(segment_id as double precision), null
    from wide
    where row_kind = 'name' and item = 'named_after'
    union all
    select
        fit_number, model_version, 'name', segment_id,
        case when item = 'named_after' then item else 'segment_name_' || item end, null, text
    from wide
    where row_kind = 'name'
    union all
    select fit_number, model_version, 'card', 1, item, value, case when value is null then text end
    from wide
    where row_kind = 'card'
    union all
    -- a fit of an earlier version has no status of this kind
    select
        fit_number, model_version, 'card', 1, 'model_status', null,
        case when status = 'no_model' then 'none' when gate = 'passed' then 'proven' else 'exploratory' end
    from cards
    where model_status is null
)

select
    cast(fit_number as bigint) as fit_number,
    cast(model_version as varchar(256)) as model_version,
    cast(part as varchar(64)) as part,
    cast(row_position as bigint) as row_position,
    cast(field as varchar(256)) as field,
    cast(number_value as double precision) as number_value,
    cast(text_value as varchar(65535)) as text_value
from fields
where number_value is not null or text_value is not null
{% endmacro %}
