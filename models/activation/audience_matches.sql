{#- Grain: one audience and customer who meets its conditions, and consents to its purpose where consents are delivered,
    whether or not the audience may be used (audiences says).
    Late data: built whole in each run. -#}
-- depends_on: {{ ref('consents_in_force') }}
-- depends_on: {{ ref('side_books') }}
{%- set audiences = clientele.compiled_audiences() if execute else [] %}

with

facts as (
    select * from {{ ref('audience_facts') }}
),

final as (
    {% for audience in audiences -%}
    select
        cast('{{ audience.name }}' as varchar(64)) as audience,
        user_sk,
        user_key
    from facts
    where
        {{ audience.sql }}
        and {{ clientele.consent_condition(audience, ref('consents_in_force'), ref('side_books')) }}
    {{ 'union all' if not loop.last }}
    {% else -%}
    select
        cast(null as varchar(64)) as audience,
        user_sk,
        user_key
    from facts
    where 1 = 0
    {% endfor %}
)

select * from final
