{#- Grain: one arm of an experiment. Arms lie side by side from 0 to 1, in the order of the file; a customer's arm
    is the one in which the customer's place falls. Late data: none. -#}
{%- set experiments = clientele.sound_experiments() if execute else {} %}
{%- set arms = [] %}
{%- for one in experiments.values() %}{% for arm in one.arms %}
{%- do arms.append([one, arm, loop.index, one.arms[:loop.index0] | sum(attribute='share')]) %}
{%- endfor %}{% endfor %}

with

designs as (
    select experiment from {{ ref('experiment_designs') }}
),

definitions as (
    {% for one, arm, position, before in arms -%}
    select
        '{{ one.name }}' as experiment,
        '{{ arm.name }}' as arm,
        {{ position }} as arm_position,
        {{ clientele.literals([arm.label]) | trim }} as label,
        {{ clientele.literals([arm.label_fr]) | trim }} as label_fr,
        {{ clientele.double(arm.share) }} as share,
        {{ clientele.double('%.9f' | format(before)) }} as from_place,
        {{ clientele.double('%.9f' | format(before + arm.share)) }} as to_place,
        {{ 'true' if arm.name == one.control else 'false' }} as is_control,
        {{ 'true' if arm.name == 'holdout' else 'false' }} as is_held_back,
        {{ 'true' if 'where' in arm else 'false' }} as is_chosen,
        {{ clientele.literals([arm.get('model', '')]) | trim }} as model  -- noqa: RF04
    {{ 'union all' if not loop.last }}
    {% else -%}
    select
        experiment,
        cast(null as varchar(32)) as arm,
        0 as arm_position,
        cast(null as varchar(256)) as label,  -- noqa: RF04
        cast(null as varchar(256)) as label_fr,
        {{ clientele.double(0) }} as share,  -- noqa: RF04
        {{ clientele.double(0) }} as from_place,
        {{ clientele.double(0) }} as to_place,
        false as is_control,
        false as is_held_back,
        false as is_chosen,
        cast(null as varchar(128)) as model  -- noqa: RF04
    from designs
    where 1 = 0
    {% endfor %}
),

final as (
    select
        cast(definitions.experiment as varchar(64)) as experiment,
        cast(definitions.arm as varchar(32)) as arm,
        cast(definitions.arm_position as integer) as arm_position,
        cast(definitions.label as varchar(256)) as label,  -- noqa: RF04
        cast(definitions.label_fr as varchar(256)) as label_fr,
        definitions.share,
        definitions.from_place,
        definitions.to_place,
        definitions.is_control,
        definitions.is_held_back,
        definitions.is_chosen,
        cast(case
            when not definitions.is_held_back then definitions.experiment || '_' || definitions.arm
        end as varchar(64)) as arm_audience,
        cast(nullif(definitions.model, '') as varchar(128)) as model  -- noqa: RF04
    from definitions
    inner join designs on definitions.experiment = designs.experiment
)

select * from final
