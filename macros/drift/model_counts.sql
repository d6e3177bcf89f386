{#- What core.drift_model_counts counts: what the champions say, held against what came. -#}

{% macro drift_persona_ctes() %}
    {#- CTEs: `months` (a customer's persona of a month), `separated` (AUC of personas and states of a month for an order in the next,
        with the rates of the month before: nothing is learnt from what is told) and `explained_habits` (ln of the part of the
        variance of habits in the next month that personas explain). -#}
months as (
    select user_sk, month_date, champion_segment_id as segment_id, lifecycle_state from {{ ref('persona_months') }}
),

next_months as (
    select
        months.month_date,
        {{ dbt.dateadd('month', 1, 'months.month_date') }} as period_date,
        months.segment_id,
        months.lifecycle_state,
        case when customer_months.n_orders > 0 then 1 else 0 end as is_buyer
    from months
    left join {{ ref('customer_months') }} as customer_months
        on
            months.user_sk = customer_months.user_sk
            and customer_months.month_date = {{ dbt.dateadd('month', 1, 'months.month_date') }}
),

cells as (
    select
        cast(period_date as date) as period_date,
        segment_id,
        lifecycle_state,
        {{ clientele.double('count(*)') }} as n,
        {{ clientele.double('sum(is_buyer)') }} as n_buyers
    from next_months
    group by period_date, segment_id, lifecycle_state
),

shop_rates as (
    select period_date, sum(n_buyers) / sum(n) as rate from cells group by period_date
),

-- ten customers of the shop's rate, in a cell that has few
rated as (
    select
        now.period_date,
        now.n,
        now.n_buyers,
        round((coalesce(earlier.n_buyers, 0) + 10 * rates.rate) / (coalesce(earlier.n, 0) + 10), 9) as score
    from cells as now
    inner join shop_rates as rates on rates.period_date = {{ dbt.dateadd('month', -1, 'now.period_date') }}
    left join cells as earlier
        on
            earlier.period_date = {{ dbt.dateadd('month', -1, 'now.period_date') }}
            and now.segment_id = earlier.segment_id
            and now.lifecycle_state = earlier.lifecycle_state
),

score_steps as (
    select period_date, score, sum(n) as n, sum(n_buyers) as n_buyers from rated group by period_date, score
),

placed_steps as (
    select
        score_steps.*,
        sum(n - n_buyers) over (
            partition by period_date order by score rows between unbounded preceding and current row
        ) as others_up_to
    from score_steps
),

areas as (
    select
        period_date,
        sum(n) as n,
        sum(n_buyers) as n_buyers,
        sum(n - n_buyers) as n_others,
        sum(n_buyers * (others_up_to - (n - n_buyers) / 2)) / nullif(sum(n_buyers) * sum(n - n_buyers), 0) as auc
    from placed_steps
    group by period_date
),

-- Hanley and McNeil (1982)
separated as (
    select
        period_date,
        n,
        auc,
        (
            auc * (1 - auc) + (n_buyers - 1) * (auc / (2 - auc) - auc * auc)
            + (n_others - 1) * (2 * auc * auc / (1 + auc) - auc * auc)
        ) / (n_buyers * n_others) as variance
    from areas
    where auc is not null
),

{{ clientele.drift_habit_ctes() }}
{% endmacro %}


{% macro drift_habit_ctes() %}
    {#- CTEs that end in `explained_habits`. -#}
next_habits as (
    select
        months.user_sk,
        months.segment_id,
        cast({{ dbt.dateadd('month', 1, 'months.month_date') }} as date) as period_date,
        {{ clientele.double('sum(case when extract(hour from ' ~ clientele.local_time('user_sessions.started_at')
            ~ ') between 18 and 22 then 1 else 0 end)') }} / count(*) as evening_share,
        ln({{ clientele.double('sum(user_sessions.n_events)') }} / count(*)) as visit_size
    from months
    inner join {{ ref('user_sessions') }} as user_sessions
        on
            months.user_sk = user_sessions.user_sk
            and user_sessions.started_at >= {{ dbt.dateadd('month', 1, 'months.month_date') }}
            and user_sessions.started_at < {{ dbt.dateadd('month', 2, 'months.month_date') }}
            and not user_sessions.is_bot
    group by months.user_sk, months.segment_id, months.month_date
),

habit_cells as (
    select
        period_date,
        segment_id,
        {{ clientele.double('count(*)') }} as n,
        {% for habit in ['evening_share', 'visit_size'] -%}
        {{ clientele.double('sum(' ~ clientele.exact(habit) ~ ')') }} as {{ habit }}_sum,
        {{ clientele.double('sum(' ~ clientele.exact(habit ~ ' * ' ~ habit) ~ ')') }} as {{ habit }}_squares
        {{- ',' if not loop.last }}
        {% endfor %}
    from next_habits
    group by period_date, segment_id
),

habit_parts as (
    select
        period_date,
        sum(n) as n,
        {% for habit in ['evening_share', 'visit_size'] -%}
        (sum({{ habit }}_sum * {{ habit }}_sum / n) - sum({{ habit }}_sum) * sum({{ habit }}_sum) / sum(n))
        / nullif(sum({{ habit }}_squares) - sum({{ habit }}_sum) * sum({{ habit }}_sum) / sum(n), 0) as {{ habit }}
        {{- ',' if not loop.last }}
        {% endfor %}
    from habit_cells
    group by period_date
),

explained_habits as (
    select
        period_date,
        n,
        ln((evening_share + visit_size) / 2) as explained,
        power(1 - (evening_share + visit_size) / 2, 2) * 4 / ((evening_share + visit_size) / 2 * n) as variance
    from habit_parts
    where evening_share + visit_size > 0
)
{% endmacro %}


{% macro drift_expected_ctes() %}
    {#- CTEs that end in `expected_figures`: margin and confidence of each month's build, and the logarithm of orders that came for each
        that was expected, after the fit; before it, what the registry has measured of the fit. -#}
snapshots as (
    select * from {{ ref('drift_snapshots') }}
),

champion_fits as (
    select series, model_version, fitted_date from {{ ref('drift_fits') }}
),

came as (
    select
        snapshots.period_date,
        sum(case when user_sessions.n_purchases > 0 then 1 else 0 end) as n_orders,
        count(distinct case when user_sessions.n_purchases > 0 then user_sessions.user_sk end) as n_buyers
    from snapshots
    inner join {{ ref('user_sessions') }} as user_sessions
        on
            user_sessions.started_at >= {{ dbt.dateadd('day', 1, 'snapshots.as_of_date') }}
            and user_sessions.started_at < {{ dbt.dateadd('day', 31, 'snapshots.as_of_date') }}
            and not user_sessions.is_bot
    inner join {{ ref('user_feature_values') }} as feature_values on user_sessions.user_sk = feature_values.user_sk
    where feature_values.first_event_at < {{ dbt.dateadd('day', 1, 'snapshots.as_of_date') }}
    group by snapshots.period_date
),

after_fit as (
    select
        champion_fits.series,
        snapshots.as_of_date,
        cast({{ dbt.date_trunc('month', dbt.dateadd('day', 30, 'snapshots.as_of_date')) }} as date) as period_date,
        snapshots.n_scored as n,
        case when champion_fits.series = 'value_orders' then came.n_orders else came.n_buyers end as n_came,
        case when champion_fits.series = 'value_orders' then snapshots.value_orders_30d else snapshots.head_buyers_30d end
            as n_expected
    from snapshots
    inner join came on snapshots.period_date = came.period_date
    inner join champion_fits
        on
            (champion_fits.series = 'value_orders' and snapshots.value_version = champion_fits.model_version)
            or (champion_fits.series = 'head_orders' and snapshots.head_version = champion_fits.model_version)
    cross join {{ ref('as_of') }} as as_of
    where {{ dbt.dateadd('day', 31, 'snapshots.as_of_date') }} <= as_of.last_date
),

newest_after_fit as (
    select after_fit.*, row_number() over (partition by series, period_date order by as_of_date desc nulls last) as place
    from after_fit
),

{{ clientele.drift_at_fit_ctes() }}
{% endmacro %}


{% macro drift_at_fit_ctes() %}
    {#- CTEs that end in `expected_figures`. -#}
at_fit as (
    select
        champion_fits.series,
        champion_fits.fitted_date,
        sum(calibration.n_users) as n,
        sum(calibration.actual) as n_came,
        sum(calibration.expected) as n_expected
    from champion_fits
    inner join {{ ref('value_calibration') }} as calibration
        on champion_fits.model_version = calibration.model_version and calibration.measure = 'orders'
    where champion_fits.series = 'value_orders'
    group by champion_fits.series, champion_fits.fitted_date
    union all
    select
        champion_fits.series,
        champion_fits.fitted_date,
        sum(calibration.n_users) as n,
        sum(calibration.observed * calibration.n_users) as n_came,
        sum(calibration.predicted * calibration.n_users) as n_expected
    from champion_fits
    inner join {{ ref('prediction_heads') }} as heads
        on champion_fits.model_version = heads.model_version and heads.head = 'order_30d'
    inner join {{ ref('prediction_calibration') }} as calibration
        on heads.fit_number = calibration.fit_number and heads.head = calibration.head and heads.scored_by = calibration.model
    where champion_fits.series = 'head_orders'
    group by champion_fits.series, champion_fits.fitted_date
),

expected_figures as (
    select
        series,
        period_date,
        n,
        ln({{ clientele.double('n_came') }} / n_expected) as figure,
        1 / {{ clientele.double('n_came') }} as variance
    from newest_after_fit
    where place = 1 and n_came > 0 and n_expected > 0
    union all
    select
        series,
        cast({{ dbt.dateadd('month', -1, 'cast(' ~ dbt.date_trunc('month', 'fitted_date') ~ ' as date)') }} as date) as period_date,
        n,
        ln(n_came / n_expected) as figure,
        1 / n_came as variance
    from at_fit
    where n_came > 0 and n_expected > 0
    union all
    select
        'margin' as series,
        snapshots.period_date,
        snapshots.n_scored as n,
        ln(snapshots.mean_margin) as figure,
        power(snapshots.sd_margin / snapshots.mean_margin, 2) / snapshots.n_scored as variance
    from snapshots
    inner join champion_fits on champion_fits.series = 'margin' and snapshots.persona_version = champion_fits.model_version
    where snapshots.n_scored > 1 and snapshots.mean_margin > 0
    union all
    select
        'confidence' as series,
        snapshots.period_date,
        snapshots.n_scored as n,
        snapshots.mean_confidence as figure,
        power(snapshots.sd_confidence, 2) / snapshots.n_scored as variance
    from snapshots
    inner join champion_fits
        on champion_fits.series = 'confidence' and snapshots.persona_version = champion_fits.model_version
    where snapshots.n_scored > 1 and snapshots.mean_confidence is not null
)
{% endmacro %}
