{#- Grain: one feature, in its order: the list of models/marts/user_features.yml as rows, for Python and for
    reports. -#}

with

catalog as (
    {% for feature in clientele.feature_catalog() %}
    select
        {{ loop.index }} as feature_position,
        cast('{{ feature.name }}' as varchar(64)) as feature,
        cast('{{ feature.block }}' as varchar(32)) as block,
        cast('{{ feature.meaning | trim | replace("'", "''") }}' as varchar(512)) as meaning
    {{ 'union all' if not loop.last }}
    {% else %}
    select
        cast(null as integer) as feature_position,
        cast(null as varchar(64)) as feature,
        cast(null as varchar(32)) as block,
        cast(null as varchar(512)) as meaning
    {% endfor %}
)

select * from catalog
