{#- Grain: one persona of the champion and one of the challenger, 0 for customers whom the model gives none: who would
    be called what after a promotion, as far as macros/privacy/disclosure.sql lets it be published. What either tells
    of next month stands in monitor.segment_gates. Empty without a challenger. Late data: built whole in each run. -#}

with

{{ clientele.persona_label_ctes('is_challenger') }},

champion_labels as (
    select segment_id, segment_name from {{ ref('segment_labels') }}
),

versions as (
    select
        max(case when is_challenger then model_version end) as model_version,
        max(case when is_champion then model_version end) as champion_model_version
    from {{ ref('segment_models') }}
),

pairs as (
    select
        coalesce(champion.segment_id, 0) as champion_segment_id,
        coalesce(challenger.segment_id, 0) as segment_id,
        cast(count(*) as bigint) as n_users
    from {{ ref('persona_scores') }} as champion
    full outer join {{ ref('challenger_scores') }} as challenger on champion.user_sk = challenger.user_sk
    where exists (select 1 from persona_labels)
    group by coalesce(champion.segment_id, 0), coalesce(challenger.segment_id, 0)
),

final as (
    select
        cast(versions.model_version as varchar(32)) as model_version,
        cast(versions.champion_model_version as varchar(32)) as champion_model_version,
        pairs.champion_segment_id,
        champion_labels.segment_name as champion_segment_name,
        pairs.segment_id,
        persona_labels.segment_name,
        pairs.n_users,
        {{ clientele.double('pairs.n_users') }}
        / {{ clientele.double('sum(pairs.n_users) over (partition by pairs.champion_segment_id)') }} as champion_share,
        {{ clientele.double('pairs.n_users') }}
        / {{ clientele.double('sum(pairs.n_users) over (partition by pairs.segment_id)') }} as challenger_share
    from pairs
    cross join versions
    left join champion_labels on pairs.champion_segment_id = champion_labels.segment_id
    left join persona_labels on pairs.segment_id = persona_labels.segment_id
),

publishable as (
    {{ clientele.published_cells(
        'final', keys=['champion_segment_id', 'segment_id'], within=['champion_segment_id']
    ) }}
)

select * from publishable
