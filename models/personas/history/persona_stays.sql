{#- Grain: one user and stay: months in a row with one persona. A stay lasts until another persona is told, also through
    months without a visit. When a new model starts, a user changes the persona by the model, and not by a move, where
    the new model says the same of the user before and after. Late data: built whole in each run. -#}

with

months as (
    select
        persona_months.*,
        lead(persona_months.month_date) over (
            partition by persona_months.user_sk order by persona_months.month_date
        ) as next_month_date
    from {{ ref('persona_months') }} as persona_months
),

versions as (
    select max(model_version) as model_version from {{ ref('segment_weights') }}
),

-- who did not come in the month of the new model has its persona from then on all the same
points as (
    select user_sk, month_date, segment_id, model_version, champion_segment_id, is_before, lifecycle_state
    from months
    union all
    select
        months.user_sk,
        months.model_starts_on as month_date,
        months.champion_segment_id as segment_id,
        versions.model_version,
        months.champion_segment_id,
        false as is_before,
        months.lifecycle_state
    from months
    cross join versions
    where months.is_before and (months.next_month_date is null or months.next_month_date > months.model_starts_on)
),

sequenced as (
    select
        points.*,
        lag(points.segment_id) over (partition by points.user_sk order by points.month_date) as previous_segment_id,
        lag(points.champion_segment_id) over (
            partition by points.user_sk order by points.month_date
        ) as previous_champion_segment_id,
        lag(points.is_before) over (partition by points.user_sk order by points.month_date) as was_before
    from points
),

starts as (
    select
        sequenced.*,
        case
            when sequenced.previous_segment_id is null then 'first'
            when
                sequenced.was_before and not sequenced.is_before
                and sequenced.champion_segment_id = sequenced.previous_champion_segment_id
                then 'model'
            else 'customer'
        end as entered_by
    from sequenced
    where sequenced.previous_segment_id is null or sequenced.segment_id != sequenced.previous_segment_id
),

final as (
    select
        starts.user_sk,
        cast(
            row_number() over (partition by starts.user_sk order by starts.month_date) as integer
        ) as stay_number,
        starts.segment_id,
        starts.model_version,
        starts.month_date as entered_date,
        cast(starts.entered_by as varchar(16)) as entered_by,
        starts.previous_segment_id,
        lead(starts.month_date) over (partition by starts.user_sk order by starts.month_date) as left_date,
        cast(
            lead(starts.entered_by) over (partition by starts.user_sk order by starts.month_date) as varchar(16)
        ) as left_by,
        starts.lifecycle_state
    from starts
)

select * from final
