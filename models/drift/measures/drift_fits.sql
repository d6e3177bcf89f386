{#- Grain: one series of what a model says: the model that scores, and the last day that its fit knew. -#}

with

champions as (
    select 'personas' as model_kind, max(model_version) as model_version
    from {{ ref('segment_models') }}
    where is_champion
    union all
    select 'value' as model_kind, max(model_version) as model_version
    from {{ ref('customer_values') }}
    union all
    select 'heads' as model_kind, max(model_version) as model_version
    from {{ ref('prediction_heads') }}
),

final as (
    {% for series, kind in {
        'personas': 'personas', 'persona_stays': 'personas', 'margin': 'personas', 'confidence': 'personas',
        'persona_auc': 'personas', 'persona_habits': 'personas', 'value_orders': 'value', 'head_orders': 'heads',
    }.items() %}
    select
        cast('{{ series }}' as varchar(32)) as series,
        cast('{{ kind }}' as varchar(16)) as model_kind,
        model_version,
        cast(
            substring(model_version, 1, 4) || '-' || substring(model_version, 5, 2) || '-'
            || substring(model_version, 7, 2) as date
        ) as fitted_date
    from champions
    where model_kind = '{{ kind }}' and model_version is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from final
