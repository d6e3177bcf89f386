{#- Grain: the fit of the model of sessions that scores, one row or none: what scores (the model, a heuristic, or
    nothing: refused), and why. Each fit leaves the scores to its heuristic where it has not passed its gate, so the
    newest one is the champion unless a person has pinned or rejected one (macros/registry/standing.sql). -#}

with

heads as (
    {{ clientele.fit_part(ref('session_fit_fields'), 'head', {
        'head': 'varchar(32)',
        'scored_by': 'varchar(16)',
        'reason': 'varchar(1024)',
    }) }}
),

candidates as (
    select
        heads.fit_number,
        heads.model_version,
        heads.scored_by,
        heads.reason,
        case when heads.scored_by = 'refused' then 'none' else 'proven' end as model_status,
        case when heads.scored_by = 'refused' then 'failed' else 'passed' end as gate,
        heads.reason as gate_reason
    from heads
    cross join {{ ref('session_request') }} as session_request
    where
        substring(heads.model_version, 1, 8) <= replace(cast(session_request.as_of_date as varchar(10)), '-', '')
        and {{ 'true' if clientele.head_is_on('sessions') else 'false' }}
),

{{ clientele.standing_ctes('candidates') }},

final as (
    select
        fit_number,
        scored_by,
        cast(decision_reason as varchar(1024)) as reason,
        cast(model_version as varchar(64)) as model_version
    from standing
    where is_champion
)

select * from final
