{#- Grain: one row of the newest fit that scores: a weight, a cut point or a cell of the heuristic, a parameter. -#}

with

newest as (
    select max(fit_number) as fit_number from {{ ref('prediction_models') }}
),

final as (
    select
        cast(models.row_kind as varchar(16)) as row_kind,
        cast(coalesce(models.head, '') as varchar(32)) as output,
        cast(models.item as varchar(64)) as feature,
        models.item_position as feature_position,
        models.piece,
        models.value as weight,
        models.low as clip_lo,
        models.high as clip_hi,
        models.expected as feature_mean
    from {{ ref('prediction_models') }} as models
    inner join newest on models.fit_number = newest.fit_number
    where models.row_kind in ('weight', 'cut', 'cell', 'parameter')
)

select * from final
