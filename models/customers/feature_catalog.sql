{#- Grain: one feature, in its order: the list of models/customers/user_features.yml as rows, for Python and for
    reports. -#}

{% set lengths = {
    'name': 64, 'block': 32, 'scale': 16, 'unit': 16, 'basis': 16, 'label': 128, 'label_fr': 128, 'meaning': 512
} %}

with

listed as (
    {% for feature in clientele.feature_catalog() %}
    select
        {% for column, length in lengths.items() %}
        cast('{{ feature[column] | trim | replace("'", "''") }}' as varchar({{ length }}))
            as {{ 'feature' if column == 'name' else column }},
        {% endfor %}
        {{ loop.index }} as feature_position
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

families as (
    {{ clientele.family_names() }}
),

final as (
    select
        listed.feature_position,
        listed.feature,
        listed.block,
        listed.scale,
        listed.unit,
        listed.basis,
        cast({{ clientele.with_family_names('listed.label', 'families') }} as varchar(256)) as label,  -- noqa: RF04
        cast({{ clientele.with_family_names('listed.label_fr', 'families') }} as varchar(256)) as label_fr,
        listed.meaning
    from listed
    cross join families
)

select * from final
