{#- Grain: one feature, in its order: the list of models/marts/user_features.yml as rows, for Python and for
    reports. -#}

with

listed as (
    {% for feature in clientele.feature_catalog() %}
    select
        {{ loop.index }} as feature_position,
        {% for column, length in {
            'name': 64, 'block': 32, 'scale': 16, 'unit': 16, 'basis': 16, 'label': 128, 'label_fr': 128, 'meaning': 512
        }.items() -%}
        cast('{{ feature[column] | trim | replace("'", "''") }}' as varchar({{ length }}))
            as {{ 'feature' if column == 'name' else column }}{{ ',' if not loop.last }}
        {% endfor %}
    {{ 'union all' if not loop.last }}
    {% else %}
    select
        cast(null as integer) as feature_position,
        cast(null as varchar(64)) as feature,
        cast(null as varchar(32)) as block,
        cast(null as varchar(16)) as scale,
        cast(null as varchar(16)) as unit,
        cast(null as varchar(16)) as basis,
        cast(null as varchar(128)) as label,
        cast(null as varchar(128)) as label_fr,
        cast(null as varchar(512)) as meaning
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
        cast({{ clientele.with_family_names('listed.label', 'families') }} as varchar(256)) as label,
        cast({{ clientele.with_family_names('listed.label_fr', 'families') }} as varchar(256)) as label_fr,
        listed.meaning
    from listed
    cross join families
)

select * from final
