{#- If this fails, a customer with enough events was left without a persona although there is a model, or one without
    enough got one. It is not a test of the threshold itself. -#}

with

counted as (
    select
        sum(
            case
                when personas.n_events >= threshold.min_events and personas.segment_id is null then 1
                else 0
            end
        ) as n_left_out,
        sum(
            case when personas.n_events < threshold.min_events and personas.segment_id is not null then 1 else 0 end
        ) as n_let_in
    from {{ ref('user_segments') }} as personas
    cross join {{ ref('persona_threshold') }} as threshold
),

champion as (
    select count(*) as n_champions from {{ ref('segment_models') }} where is_champion
)

select counted.n_left_out, counted.n_let_in
from counted
cross join champion
where (champion.n_champions > 0 and counted.n_left_out > 0) or counted.n_let_in > 0
