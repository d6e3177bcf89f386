{#- Grain: one audience of audiences/*.yml, and whether it may be used. Late data: built whole in each run. -#}
{%- set audiences = clientele.compiled_audiences() if execute else [] %}
{%- set text_columns = [
    'audience', 'label', 'label_fr', 'description', 'owner_name', 'purpose', 'file_name', 'destinations',
    'consent_purpose',
] %}

with

moment as (
    select cast({{ clientele.local_time('as_of_at') }} as date) as as_of_date from {{ ref('as_of') }}
),

standing as (
    select
        coalesce(max(case when may_use_personas then 1 else 0 end) = 1, false) as may_use_personas
    from {{ ref('audience_facts') }}
),

consents as (
    select count(*) as n_files from {{ ref('side_books') }} where side_input = 'consents'
),

personas as (
    select distinct segment_id from {{ ref('segment_labels') }}
),

sizes as (
    select
        audience,
        count(*) as n_matches
    from {{ ref('audience_matches') }}
    group by audience
),

definitions as (
    {% for audience in audiences -%}
    {%- set texts = [
        audience.name, audience.label, audience.label_fr, audience.description, audience.owner, audience.purpose,
        audience.file, audience.get('destinations', clientele.destination_names()) | join(' '),
        audience.get('consent', '')
    ] -%}
    select
        {% for column in text_columns -%}
        {{ clientele.literals([texts[loop.index0]]) | trim }} as {{ column }},
        {% endfor -%}
        cast('{{ audience.expires }}' as date) as expires_date,
        {{ audience.minimum }} as min_users,
        {{ clientele.double(audience.max_leaving_share) }} as max_leaving_share,
        {{ audience.uses_personas | lower }} as uses_personas,
        {{ audience.personas | length }} as n_personas,
        (
            select count(*) from personas
            where segment_id in ({{ audience.personas | join(', ') or 'null' }})
        ) as n_known_personas
    {{ 'union all' if not loop.last }}
    {% else -%}
    select
        {% for column in text_columns -%}
        cast(null as varchar(4096)) as {{ column }},
        {% endfor -%}
        cast(null as date) as expires_date,
        0 as min_users,
        {{ clientele.double(0) }} as max_leaving_share,
        false as uses_personas,
        0 as n_personas,
        0 as n_known_personas
    from moment
    where 1 = 0
    {% endfor %}
),

judged as (
    select
        definitions.*,
        moment.as_of_date,
        consents.n_files as n_consent_files,
        case
            when moment.as_of_date > definitions.expires_date then 'expired'
            when definitions.uses_personas and not standing.may_use_personas then 'unproven_personas'
            when definitions.n_known_personas < definitions.n_personas then 'unknown_persona'
            when coalesce(sizes.n_matches, 0) < definitions.min_users then 'too_small'
            else 'active'
        end as status
    from definitions
    cross join moment
    cross join standing
    cross join consents
    left join sizes on definitions.audience = sizes.audience
),

final as (
    select
        cast(audience as varchar(64)) as audience,
        cast(label as varchar(256)) as label,
        cast(label_fr as varchar(512)) as label_fr,
        cast(description as varchar(4096)) as description,
        cast(owner_name as varchar(512)) as owner_name,
        cast(purpose as varchar(512)) as purpose,
        cast(file_name as varchar(512)) as file_name,
        cast(destinations as varchar(1024)) as destinations,
        cast(nullif(consent_purpose, '') as varchar(64)) as consent_purpose,
        cast(
            case
                when consent_purpose = '' then 'not_asked'
                when n_consent_files = 0 then 'not_delivered'
                else 'checked'
            end as varchar(16)
        ) as consent_status,
        expires_date,
        cast(min_users as integer) as min_users,
        max_leaving_share,
        uses_personas,
        as_of_date,
        cast(status as varchar(24)) as status,
        cast(case status
            when 'expired' then 'Its last day is over: give it a later one (expires), or remove it.'
            when 'unproven_personas'
                then 'It asks for personas that are not proven: promote the model (seeds/segment_decisions.csv).'
            when 'unknown_persona' then 'It names a persona that the model in force does not have.'
            when 'too_small' then 'Fewer customers meet its conditions than its minimum.'
        end as varchar(256)) as reason
    from judged
)

select * from final
