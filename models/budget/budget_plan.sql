{#- Grain: one scenario, segment and channel of the newest plan: what is spent in a week, and what may come of it. The
    sums are those that the shop has declared: no customer is counted here. -#}

with

cards as (
    {{ clientele.fit_part(ref('budget_fit_fields'), 'card', {'as_of_date': 'varchar(10)'}) }}
),

newest as (
    select max(fit_number) as fit_number from cards
),

plans as (
    {{ clientele.fit_part(ref('budget_fit_fields'), 'plan', {
        'scenario': 'varchar(16)',
        'scenario_position': 'integer',
        'segment': 'varchar(256)',
        'channel': 'varchar(256)',
        'spend_before': 'double precision',
        'spend': 'double precision',
        'response': 'double precision',
        'response_lo': 'double precision',
        'response_hi': 'double precision',
        'marginal_return': 'double precision',
        'marginal_lo': 'double precision',
        'marginal_hi': 'double precision',
        'basis': 'varchar(16)',
        'reason': 'varchar(1024)',
        'n_weeks': 'integer',
    }) }}
),

final as (
    select
        plans.scenario,
        plans.scenario_position,
        plans.segment,
        plans.channel,
        plans.spend_before,
        plans.spend,
        plans.response,
        plans.response_lo,
        plans.response_hi,
        plans.marginal_return,
        plans.marginal_lo,
        plans.marginal_hi,
        plans.basis,
        plans.reason,
        plans.n_weeks,
        cast(plans.model_version as varchar(64)) as model_version
    from plans
    inner join newest on plans.fit_number = newest.fit_number
)

select * from final
