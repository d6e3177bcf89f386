{#- Grain: one user and month with a session, from the month on in which the user had enough events for a persona: the
    persona that the user had then. Months are scored by the champion; those before its fit also by the model that was
    in force then. Customers who object have no row. Late data: built whole in each run, from features that are kept.
    -#}

with

threshold as (
    select * from {{ ref('persona_threshold') }}
),

champion as (
    select max(model_version) as model_version from {{ ref('segment_weights') }}
),

predecessor as (
    select max(model_version) as model_version from {{ ref('predecessor_weights') }}
),

-- a version begins with the day of its fit; what a first model says, it says of all months
reign as (
    select
        champion.model_version,
        predecessor.model_version as predecessor_version,
        cast({{ dbt.date_trunc('month', 'as_of.as_of_at') }} as date) as this_month,
        cast(
            substring(champion.model_version, 1, 4) || '-' || substring(champion.model_version, 5, 2) || '-01' as date
        ) as fitted_month
    from champion
    cross join predecessor
    cross join {{ ref('as_of') }} as as_of
),

reigns as (
    select
        reign.*,
        case when reign.predecessor_version is not null then least(reign.fitted_month, reign.this_month) end
            as starts_on
    from reign
),

eligible as (
    select
        customer_months.user_sk,
        customer_months.month_date,
        customer_months.n_orders_so_far as n_orders,
        customer_months.first_event_at,
        customer_months.last_event_at,
        customer_months.last_order_at,
        customer_months.is_last_month,
        coalesce(customer_months.n_events_so_far < threshold.early_below_events, false) as is_early,
        coalesce(customer_months.month_date < reigns.starts_on, false) as is_before,
        reigns.starts_on,
        case
            when customer_months.month_date < reigns.this_month
                then {{ dbt.dateadd('month', 1, 'customer_months.month_date') }}
            else as_of.as_of_at
        end as told_at,
        case
            when customer_months.month_date < reigns.starts_on then reigns.predecessor_version
            else reigns.model_version
        end
            as model_version,
        {% for feature in clientele.feature_names() %}
        case when customer_months.is_last_month then feature_values.{{ feature }} else customer_months.{{ feature }} end
            as {{ feature }},
        {% endfor %}
        cast(row_number() over (order by customer_months.user_sk, customer_months.month_date) as bigint) as month_sk
    from {{ ref('customer_months') }} as customer_months
    inner join {{ ref('user_feature_values') }} as feature_values
        on customer_months.user_sk = feature_values.user_sk
    cross join threshold
    cross join reigns
    cross join {{ ref('as_of') }} as as_of
    where
        customer_months.n_events_so_far >= threshold.min_events
        and {{ clientele.may_be_profiled('customer_months.user_sk') }}
),

earlier_months as (
    select * from eligible where not is_last_month and not is_early
),

early_months as (
    select * from eligible where not is_last_month and is_early
),

months_before as (
    select * from eligible where is_before
),

{{ clientele.persona_verdict_ctes('earlier_months', 'segment_weights', 'champion', key='month_sk') }},

{{ clientele.persona_verdict_ctes('early_months', 'early_weights', 'early', key='month_sk') }},

{{ clientele.persona_verdict_ctes('months_before', 'predecessor_weights', 'predecessor', key='month_sk') }},

told as (
    select
        eligible.*,
        coalesce(persona_scores.segment_id, champion_verdicts.segment_id, early_verdicts.segment_id)
            as champion_segment_id,
        predecessor_verdicts.segment_id as predecessor_segment_id
    from eligible
    left join {{ ref('persona_scores') }} as persona_scores
        on eligible.user_sk = persona_scores.user_sk and eligible.is_last_month
    left join champion_verdicts on eligible.month_sk = champion_verdicts.month_sk
    left join early_verdicts on eligible.month_sk = early_verdicts.month_sk
    left join predecessor_verdicts on eligible.month_sk = predecessor_verdicts.month_sk
),

final as (
    select
        user_sk,
        month_date,
        cast(case when is_before then predecessor_segment_id else champion_segment_id end as integer) as segment_id,
        cast(model_version as varchar(64)) as model_version,
        cast(champion_segment_id as integer) as champion_segment_id,
        is_before,
        starts_on as model_starts_on,
        cast({{ clientele.lifecycle_state('told_at') }} as varchar(16)) as lifecycle_state
    from told
    where champion_segment_id is not null
)

select * from final
