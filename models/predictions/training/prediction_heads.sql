{#- Grain: one head of the newest fit: what scores it (its model, a heuristic, or nothing: refused), and why. -#}

with

newest as (
    select max(fit_number) as fit_number from {{ ref('prediction_models') }}
),

final as (
    select
        cast(models.head as varchar(32)) as head,
        cast(max(case when models.item = 'source' then models.text end) as varchar(16)) as scored_by,
        cast(max(case when models.item = 'reason' then models.text end) as varchar(1024)) as reason,
        cast(max(models.model_version) as varchar(64)) as model_version
    from {{ ref('prediction_models') }} as models
    inner join newest on models.fit_number = newest.fit_number
    where models.row_kind = 'card' and models.head != 'all'
    group by models.head
)

select * from final
