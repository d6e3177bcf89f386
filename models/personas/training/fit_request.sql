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

final as (
    select
        cast({{ 'true' if clientele.fit_is_due() else 'false' }} as boolean) as is_due,
        max(case when is_champion then model_version end) as champion_version,
        cast(
            (select max(built_with) from {{ clientele.load_marks() }} where model_name = 'user_feature_values')
            as varchar(32)
        ) as features_hash
    from models_before
)

select * from final
