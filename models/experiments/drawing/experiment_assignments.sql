{#- Grain: one experiment and customer who takes part, with the arm: written once, in the run in which the
    experiment begins, and kept through full refreshes. Within a stratum customers stand in the order of their
    numbers, and the stratum's number turns the row: so each arm gets its share of each stratum, and each customer
    each arm with just its share as chance. Who is erased, objects or is restricted leaves no row. -#}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    post_hook=["delete from {{ this }} where user_sk not in (select user_sk from {{ ref('audience_facts') }})"]
) }}

with

candidates as (
    select * from {{ ref('experiment_candidates') }}
    {% if is_incremental() -%}
    where experiment not in (select experiment from {{ this }})
    {%- endif %}
),

ranked as (
    select
        candidates.*,
        draws.stratum_draw,
        row_number() over (
            partition by candidates.experiment, candidates.stratum order by draws.draw, candidates.user_sk
        ) as place,
        count(*) over (partition by candidates.experiment, candidates.stratum) as n_alike
    from candidates
    inner join {{ ref('experiment_draws') }} as draws
        on candidates.experiment = draws.experiment and candidates.user_sk = draws.user_sk
),

turned as (
    select
        ranked.*,
        (ranked.place - 1 + {{ clientele.double('ranked.stratum_draw') }} / 1152921504606846976.0) / ranked.n_alike
            as place_in_row
    from ranked
),

final as (
    select
        turned.experiment,
        turned.user_sk,
        turned.user_key,
        arms.arm,
        turned.persona,
        turned.value_tier,
        turned.stratum,
        designs.as_of_date as assigned_date,
        judged.detectable_effect
    from turned
    inner join {{ ref('experiment_arms') }} as arms
        on
            turned.experiment = arms.experiment
            and turned.place_in_row >= arms.from_place
            and (turned.place_in_row < arms.to_place or arms.to_place > 0.999999)
    inner join {{ ref('experiment_designs') }} as designs on turned.experiment = designs.experiment
    inner join {{ ref('experiment_power') }} as judged on turned.experiment = judged.experiment
)

select * from final
