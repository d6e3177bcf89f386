{#- Grain: one run that built it: whether data is fresh, the books are closed, anything drifts, the model has passed its
    gate, how old models are, when a publication last succeeded, and what is asked for. Kept through full refreshes.
    Late data: a row says what was known then. How fresh data is, only the clock can say (macros/engine/portable.sql,
    utc_now). -#}
{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='run_id', full_refresh=false) }}
{% set age_days = dbt.datediff('fits.fitted_date', 'moment.last_date', 'day') %}

with

moment as (
    select
        cast({{ clientele.utc_now() }} as timestamp) as built_at,
        as_of_at,
        last_date
    from {{ ref('as_of') }}
),

deliveries as (
    select max(delivered_at) as delivered_at from {{ ref('event_files') }} where status = 'accepted'
),

books as (
    select
        coalesce(sum(n_lines), 0) as n_lines,
        coalesce(sum(n_quarantined), 0) as n_quarantined,
        coalesce(sum(abs(n_unaccounted)), 0) as n_unaccounted
    from {{ ref('reconciliation') }}
),

feed as (
    select
        count(
            distinct case when {{ clientele.feed_flags(clientele.feed_alarm_names('feed_holds')) }} then event_date end
        ) as n_days_held,
        count(
            distinct case when {{ clientele.feed_flags(clientele.feed_alarm_names('feed_warns')) }} then event_date end
        ) as n_days_warned
    from {{ ref('feed_health') }}
    where {{ clientele.is_recent_feed(ref('feed_health')) }}
),

compared as (
    select drift.*, {{ clientele.newest_compared('drift') }} as newest_date from {{ ref('drift') }} as drift
),

drifted as (
    select
        coalesce(sum(case when verdict = 'data_error' then 1 else 0 end), 0) as n_data_errors,
        coalesce(sum(case when verdict != 'data_error' and severity = 'warn' then 1 else 0 end), 0)
            as n_drift_warnings,
        coalesce(sum(case when verdict != 'data_error' and severity = 'error' then 1 else 0 end), 0)
            as n_drift_errors
    from compared
    where period_date = newest_date
),

champion as (
    select max(model_version) as model_version, max(model_status) as model_status
    from {{ ref('segment_models') }}
    where is_champion
),

gates as (
    select coalesce(sum(case when segment_gates.verdict = 'missed' then 1 else 0 end), 0) as n_gates_missed
    from {{ ref('segment_gates') }} as segment_gates
    inner join champion on segment_gates.model_version = champion.model_version
),

ages as (
    select
        max(case when fits.model_kind = 'personas' then {{ age_days }} end) as personas_age_days,
        max(case when fits.model_kind = 'value' then {{ age_days }} end) as value_age_days,
        max(case when fits.model_kind = 'heads' then {{ age_days }} end) as heads_age_days
    from moment
    left join {{ ref('drift_fits') }} as fits on moment.last_date >= fits.fitted_date
),

successes as (
    select max(logged_at) as last_success_at
    from {{ clientele.run_log() }}
    where entry = 'ended' and status = 'succeeded' and name = 'build'
),

asked as (
    select count(*) as n_refit_requests from {{ ref('refit_requests') }}
),

final as (
    select
        cast('{{ invocation_id }}' as varchar(64)) as run_id,
        moment.built_at,
        cast(moment.as_of_at as timestamp) as newest_event_at,
        cast({{ dbt.datediff('moment.as_of_at', 'moment.built_at', 'hour') }} as bigint) as event_age_hours,
        cast(deliveries.delivered_at as timestamp) as newest_delivery_at,
        cast({{ dbt.datediff('deliveries.delivered_at', 'moment.built_at', 'hour') }} as bigint) as delivery_age_hours,
        cast(books.n_lines as bigint) as n_lines,
        cast(books.n_quarantined as bigint) as n_quarantined,
        cast(books.n_unaccounted as bigint) as n_unaccounted,
        cast(feed.n_days_held as bigint) as n_days_held,
        cast(feed.n_days_warned as bigint) as n_days_warned,
        cast(drifted.n_data_errors as bigint) as n_data_errors,
        cast(drifted.n_drift_warnings as bigint) as n_drift_warnings,
        cast(drifted.n_drift_errors as bigint) as n_drift_errors,
        cast(coalesce(champion.model_status, 'none') as varchar(16)) as model_status,
        cast(gates.n_gates_missed as bigint) as n_gates_missed,
        cast(ages.personas_age_days as bigint) as personas_age_days,
        cast(ages.value_age_days as bigint) as value_age_days,
        cast(ages.heads_age_days as bigint) as heads_age_days,
        cast(successes.last_success_at as timestamp) as last_success_at,
        cast(asked.n_refit_requests as bigint) as n_refit_requests
    from moment
    cross join deliveries
    cross join books
    cross join feed
    cross join drifted
    cross join champion
    cross join gates
    cross join ages
    cross join successes
    cross join asked
)

select * from final
