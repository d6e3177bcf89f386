{#- Grain: the build, one row: whether the model of sessions under way is to be fitted in it (session_fit_is_due has the
    rule), the day that it describes and the days that it learns from. -#}
-- depends_on: {{ ref('product_taxonomy') }}
-- depends_on: {{ ref('user_sessions') }}

with

described as (
    select
        as_of_at,
        cast({{ clientele.local_time('as_of_at') }} as date) as as_of_date,
        {{ dbt.datediff('first_date', clientele.local_time('as_of_at'), 'day') }} + 1 as n_days
    from {{ ref('as_of') }}
),

final as (
    select
        cast({{ clientele.session_fit_is_due('as_of_date') }} as boolean) as is_due,
        cast({{ clientele.fit_settings(['sample_users']) }} as varchar(4096)) as fit_settings,
        as_of_date,
        cast(n_days as integer) as n_days,
        cast({{ dbt.dateadd('day', -44, 'as_of_date') }} as date) as first_date,
        -- a session that was under way at the end may still go on
        cast({{ dbt.dateadd('minute', '-' ~ clientele.setting('session_gap_minutes'), 'as_of_at') }} as timestamp)
            as ended_before_at
    from described
)

select * from final
