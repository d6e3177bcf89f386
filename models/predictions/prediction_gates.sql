{#- Grain: one criterion of one head of one fit; the criterion `verdict` says what scores, and why. A head that is
    refused has the verdict alone. -#}

with

verdicts as (
    select
        fit_number,
        head,
        max(case when item = 'source' then text end) as scored_by,
        max(case when item = 'reason' then text end) as reason
    from {{ ref('prediction_models') }}
    where row_kind = 'card' and head != 'all'
    group by fit_number, head
),

together as (
    select
        fit_number,
        head,
        'verdict' as criterion,
        cast(null as varchar(32)) as compared_with,
        cast(null as double precision) as bar,
        cast(null as double precision) as figure,
        cast(null as double precision) as ci_lo,
        cast(null as double precision) as ci_hi,
        scored_by as outcome,
        reason
    from verdicts
    union all
    select
        fit_number,
        head,
        item as criterion,
        compared_with,
        expected as bar,
        value as figure,
        low as ci_lo,
        high as ci_hi,
        text as outcome,
        null as reason
    from {{ ref('prediction_models') }}
    where row_kind = 'gate'
),

final as (
    select
        fit_number,
        cast(head as varchar(32)) as head,
        cast(criterion as varchar(64)) as criterion,
        cast(compared_with as varchar(32)) as compared_with,
        bar,
        figure,
        ci_lo,
        ci_hi,
        cast(outcome as varchar(16)) as outcome,
        cast(reason as varchar(1024)) as reason
    from together
)

select * from final
