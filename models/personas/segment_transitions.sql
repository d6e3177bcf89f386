{#- Grain: one month and pair of personas, from one month to the next, over users seen in both: the persona is that of
    the features as of the user's last event of the month. From a sample of users, the same in every build, as far as
    macros/privacy/disclosure.sql lets it be published. Late data: built whole in each run. -#}
{% set n_sample = 10000 %}

with

threshold as (
    select min_events from {{ ref('persona_threshold') }}
),

eligible as (
    select feature_values.user_sk
    from {{ ref('user_feature_values') }} as feature_values
    cross join threshold
    where
        feature_values.n_events >= threshold.min_events
        and {{ clientele.may_be_profiled('feature_values.user_sk') }}
),

sampled as (
    {{ clientele.sampled('eligible', n_sample) }}
),

sample_sizes as (
    select
        {{ clientele.double('count(*)') }} as n_users,
        (select {{ clientele.double('count(*)') }} from sampled) as n_sampled
    from eligible
),

sampled_sessions as (
    select user_sessions.*
    from {{ ref('user_sessions') }} as user_sessions
    inner join sampled on user_sessions.user_sk = sampled.user_sk
    where not user_sessions.is_bot
),

months as (
    select
        user_sk,
        cast({{ dbt.date_trunc('month', 'ended_at') }} as date) as month_date,
        sum(n_events) as n_events,
        max(ended_at) as last_event_at
    from sampled_sessions
    group by user_sk, cast({{ dbt.date_trunc('month', 'ended_at') }} as date)
),

histories as (
    select
        months.*,
        sum(months.n_events) over (
            partition by months.user_sk order by months.month_date rows between unbounded preceding and current row
        ) as n_events_so_far
    from months
),

-- A user as of the last event of a month.
subjects as (
    select
        histories.user_sk,
        histories.month_date,
        histories.last_event_at,
        cast(row_number() over (order by histories.user_sk, histories.month_date) as bigint) as subject_sk
    from histories
    cross join threshold
    where histories.n_events_so_far >= threshold.min_events
),

{{ clientele.subject_feature_ctes('subjects', 'sampled_sessions', users='sampled') }},

{{ clientele.persona_score_ctes('user_features_as_of') }},

states as (
    select
        subjects.user_sk,
        subjects.month_date,
        persona_scores.segment_id
    from persona_scores
    inner join subjects on persona_scores.user_sk = subjects.subject_sk
),

moves as (
    select
        cast(later.month_date as date) as month_date,
        earlier.segment_id as from_segment_id,
        later.segment_id as to_segment_id,
        count(*) as n_users
    from states as later
    inner join states as earlier
        on
            later.user_sk = earlier.user_sk
            and later.month_date = {{ dbt.dateadd('month', 1, 'earlier.month_date') }}
    group by later.month_date, earlier.segment_id, later.segment_id
),

versions as (
    select max(model_version) as model_version from {{ ref('segment_weights') }}
),

shares as (
    select
        moves.*,
        {{ clientele.double('moves.n_users') }}
        / {{ clientele.double('sum(moves.n_users) over (partition by moves.month_date, moves.from_segment_id)') }}
            as share  -- noqa: RF04
    from moves
),

final as (
    select
        versions.model_version,
        shares.month_date,
        shares.from_segment_id,
        shares.to_segment_id,
        shares.n_users,
        shares.share,
        {{ clientele.share_in_steps('sample_sizes.n_sampled', 'sample_sizes.n_users') }} as sampled_share
    from shares
    cross join sample_sizes
    cross join versions
),

publishable as (
    {{ clientele.published_cells(
        'final', keys=['month_date', 'from_segment_id', 'to_segment_id'], within=['month_date', 'from_segment_id']
    ) }}
)

select * from publishable
