{#- Grain: the build, one row: whether a model is to be fitted in it (macros/registry/fits.sql has the rule), and the
    champion that the last build left, which a new model continues. Not a ref: segment_models stands further down. The
    hash of what features are made of today (docs/decisions/0060) becomes part of a fit. -#}
-- depends_on: {{ ref('user_feature_values') }}

with

models_before as (
    {{ clientele.previous_rows('segment_models', target.database, 'core', {
        'model_version': 'varchar', 'is_champion': 'boolean'
    }) }}
),

marks as (
    select max(built_with) as built_with from {{ clientele.load_marks() }} where model_name = 'user_feature_values'
),

final as (
    select
        cast({{ 'true' if clientele.fit_is_due() else 'false' }} as boolean) as is_due,
        max(case when models_before.is_champion then models_before.model_version end) as champion_version,
        cast(max(marks.built_with) as varchar(32)) as features_hash
    from marks
    left join models_before on models_before.model_version is not null
)

select * from final
