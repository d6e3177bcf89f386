{#- Grain: one user with a session that is not a bot's, who does not object to profiling. Rebuilt whole in each run:
    recency and with it the lifecycle state move with as_of, also for users without new events. -#}

with

users as (
    select user_sk, user_key from {{ ref('users') }}
),

feature_values as (
    select user_sk, n_events, n_orders, first_event_at, last_event_at, last_order_at
    from {{ ref('user_feature_values') }}
    where {{ clientele.may_be_profiled('user_sk') }}
),

persona_scores as (
    select * from {{ ref('persona_scores') }}
),

labels as (
    select * from {{ ref('segment_labels') }}
),

confidence as (
    select * from {{ ref('segment_confidence') }}
),

-- The ranges of margins that hold for a number of events: customers then join by equality, and look at one range or two
-- dozen instead of all.
confidence_ranges as (
    select
        lengths.n_events,
        confidence.margin_lo,
        confidence.margin_hi,
        confidence.confidence
    from (select distinct n_events from persona_scores) as lengths
    inner join confidence
        on
            lengths.n_events >= confidence.n_events_lo
            and (lengths.n_events < confidence.n_events_hi or confidence.n_events_hi is null)
),

phrases as (
    select * from {{ ref('reason_texts') }}
),

threshold as (
    select min_events from {{ ref('persona_threshold') }}
),

moment as (
    select as_of_at from {{ ref('as_of') }}
),

champion as (
    select
        max(model_version) as model_version,
        coalesce(max(model_status), 'none') as model_status
    from {{ ref('segment_models') }}
    where is_champion
),

judged as (
    select
        users.user_key,
        persona_scores.segment_id,
        labels.segment_name,
        labels.segment_name_fr,
        cast({{ clientele.lifecycle_state('moment.as_of_at') }} as varchar(16)) as lifecycle_state,
        customer_values.value_tier,
        case
            when feature_values.n_events < threshold.min_events then 'not_enough_events'
            when persona_scores.segment_id is null then 'no_model'
            when confidence.confidence < {{ clientele.setting('settled_confidence') }} then 'provisional'
            else 'settled'
        end as status,
        cast(champion.model_status as varchar(16)) as model_status,
        greatest(threshold.min_events - feature_values.n_events, 0) as events_missing,
        confidence.confidence,
        {{ clientele.round_to_step('persona_scores.margin', 0.1) }} as margin,
        case when stays.entered_by = 'customer' then stays.previous_segment_id end as previous_persona,
        stays.entered_date as persona_since,
        case
            when
                recent_personas.segment_id != persona_scores.segment_id
                and recent_personas.confidence >= {{ clientele.setting('change_confidence') }}
                then recent_personas.segment_id
        end as recent_persona,
        persona_scores.scored_by,
        persona_scores.runner_up_segment_id,
        {% for place in [1, 2, 3] -%}
        coalesce(phrases_{{ place }}.reason, persona_scores.reason_feature_{{ place }}) as reason_{{ place }},
        {% endfor -%}
        {{ clientele.significant('feature_values.n_events') }} as n_events,
        {{ dbt.datediff(clientele.week_of('feature_values.last_event_at'), 'moment.as_of_at', 'day') }}
            as days_since_last_event,
        cast(champion.model_version as varchar(32)) as model_version,
        {{ clientele.moment_told('moment.as_of_at') }} as as_of
    from feature_values
    inner join users on feature_values.user_sk = users.user_sk
    cross join moment
    cross join threshold
    cross join champion
    left join {{ ref('customer_values') }} as customer_values on feature_values.user_sk = customer_values.user_sk
    left join persona_scores on feature_values.user_sk = persona_scores.user_sk
    left join {{ ref('persona_stays') }} as stays on feature_values.user_sk = stays.user_sk and stays.left_date is null
    left join {{ ref('recent_personas') }} as recent_personas on feature_values.user_sk = recent_personas.user_sk
    left join labels on persona_scores.segment_id = labels.segment_id
    left join confidence_ranges as confidence
        on
            persona_scores.n_events = confidence.n_events
            and persona_scores.margin >= confidence.margin_lo
            and (persona_scores.margin < confidence.margin_hi or confidence.margin_hi is null)
    {% for place in [1, 2, 3] -%}
    left join phrases as phrases_{{ place }}
        on
            persona_scores.reason_feature_{{ place }} = phrases_{{ place }}.feature
            and phrases_{{ place }}.direction
            = case when persona_scores.is_above_mean_{{ place }} then 'high' else 'low' end
    {% endfor %}
)

select * from judged
