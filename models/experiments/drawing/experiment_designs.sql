{#- Grain: one experiment of experiments/*.yml, as its file says. Late data: none. -#}
{%- set experiments = clientele.sound_experiments() if execute else {} %}
{%- set texts = {
    'experiment': 64, 'label': 256, 'label_fr': 512, 'description': 4096, 'owner_name': 512, 'purpose': 512,
    'file_name': 512, 'audience': 64, 'measure': 16, 'control_arm': 32, 'guardrails': 64, 'destinations': 1024,
    'playbook_measure': 32, 'design_hash': 32,
} %}

with

moment as (
    select cast({{ clientele.local_time('as_of_at') }} as date) as as_of_date from {{ ref('as_of') }}
),

definitions as (
    {% for one in experiments.values() -%}
    {%- set held = [
        one.name, one.label, one.label_fr, one.description, one.owner, one.purpose, one.file, one.audience, one.measure,
        one.control, one.guardrails | join(' '), one.get('destinations', clientele.destination_names()) | join(' '),
        one.get('playbook', ''), clientele.design_hash(one)
    ] -%}
    select
        {% for column in texts -%}
        {{ clientele.literals([held[loop.index0]]) | trim }} as {{ column }},
        {% endfor -%}
        cast('{{ one.starts }}' as date) as starts_date,
        {{ one.horizon_days }} as horizon_days,
        {{ clientele.double(one.smallest_effect) }} as smallest_effect,
        {{ 'true' if one.when_too_small == 'refuse' else 'false' }} as is_refused_too_small,
        {{ 'true' if 'persona' in one.strata else 'false' }} as has_persona_strata,
        {{ 'true' if 'value_tier' in one.strata else 'false' }} as has_tier_strata
    {{ 'union all' if not loop.last }}
    {% else -%}
    select
        {% for column in texts -%}
        cast(null as varchar(4096)) as {{ column }},
        {% endfor -%}
        cast(null as date) as starts_date,
        0 as horizon_days,
        {{ clientele.double(0) }} as smallest_effect,
        false as is_refused_too_small,
        false as has_persona_strata,
        false as has_tier_strata
    from moment
    where 1 = 0
    {% endfor %}
),

final as (
    select
        {% for column, size in texts.items() -%}
        cast(definitions.{{ column }} as varchar({{ size }})) as {{ column }},
        {% endfor -%}
        definitions.starts_date,
        cast(definitions.horizon_days as integer) as horizon_days,
        definitions.smallest_effect,
        definitions.is_refused_too_small,
        definitions.has_persona_strata,
        definitions.has_tier_strata,
        moment.as_of_date
    from definitions
    cross join moment
)

select * from final
