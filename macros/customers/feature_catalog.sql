{#- The list of features, read from models/customers/user_features.yml: the only one there is. -#}

{% macro feature_catalog() %}
    {#- The features in their order: [{'name', 'block', 'meaning', 'scale', 'unit', 'basis', 'label', 'label_fr'}], from
        models/customers/user_features.yml, where its description says what each of these is. -#}
    {%- set scales = ['plain', 'ln', 'ln1p', 'logit', 'odds'] -%}
    {%- set units = ['number', 'share', 'seconds', 'days', 'money', 'deviations', 'factor'] -%}
    {%- set features = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == 'user_features' -%}
            {%- for column in node.columns.values() if column.config.meta.feature_block is defined -%}
                {%- set meta = column.config.meta -%}
                {%- if meta.scale not in scales or meta.unit not in units or not meta.label or not meta.label_fr -%}
                    {{ clientele.refuse(
                        "feature_catalog: " ~ column.name ~ " in models/customers/user_features.yml needs meta with scale (" ~ scales | join(', ')
                        ~ "), unit (" ~ units | join(', ') ~ "), label and label_fr; it has " ~ meta
                    ) }}
                {%- endif -%}
                {%- do features.append({
                    'name': column.name, 'block': meta.feature_block, 'meaning': column.description, 'scale': meta.scale,
                    'unit': meta.unit, 'basis': meta.get('basis', 'users'), 'label': meta.label, 'label_fr': meta.label_fr
                }) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(features) }}
{% endmacro %}


{% macro feature_names() %}
    {{ return(clientele.feature_catalog() | map(attribute='name') | list) }}
{% endmacro %}


{% macro natural(value, scale) -%}
    {#- A feature's value in natural units, by its scale in the catalog (both expressions): a share of 0 to 1 for a logit,
        and so on. clientele.personas.wording does the same. -#}
    case {{ scale }}
        when 'logit' then 1 / (1 + exp(-({{ value }})))
        when 'ln1p' then exp({{ value }}) - 1
        when 'plain' then {{ value }}
        else exp({{ value }})
    end
{%- endmacro %}
