{#- Grain: one experiment whose arms are not drawn yet, and customer who would take part today: who is in its audience.
    Late data: built whole in each run. -#}
{%- set started = clientele.started_experiments() %}

with

designs as (
    select * from {{ ref('experiment_designs') }}
    {% if started -%}
    where experiment not in ({{ clientele.literals(started) }})
    {%- endif %}
),

usable as (
    select audience from {{ ref('audience_standings') }} where status = 'active'
),

named as (
    select
        designs.experiment,
        facts.user_sk,
        facts.user_key,
        facts.persona,
        facts.value_tier,
        {{ clientele.experiment_cell(
            dbt.datediff('coalesce(facts.last_visit_date, facts.first_visit_date)', 'designs.as_of_date', 'day'),
            'coalesce(facts.n_orders, 0)'
        ) }} as cell,
        case when designs.has_persona_strata then coalesce(cast(facts.persona as varchar(8)), '') else '' end
            as persona_stratum,
        case when designs.has_tier_strata then coalesce(cast(facts.value_tier as varchar(8)), '') else '' end
            as tier_stratum
    from designs
    inner join usable on designs.audience = usable.audience
    inner join {{ ref('audience_matches') }} as matches on designs.audience = matches.audience
    inner join {{ ref('audience_facts') }} as facts on matches.user_sk = facts.user_sk
),

counted as (
    select
        named.*,
        count(*) over (partition by named.experiment, named.persona_stratum, named.tier_stratum) as n_alike
    from named
),

-- a stratum of a few customers says nothing of its mean: it joins the others of its persona
final as (
    select
        experiment,
        user_sk,
        user_key,
        persona,
        value_tier,
        cast(cell as integer) as cell,
        cast(
            persona_stratum || '-' || case when n_alike >= 20 then tier_stratum else '' end as varchar(32)
        ) as stratum
    from counted
)

select * from final
