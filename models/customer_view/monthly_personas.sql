{#- Grain: one month and persona, 0 for customers without one yet: how many customers had it at the end of the month,
    how many came to it and left it in the month, and what they did, as far as macros/privacy/disclosure.sql lets it
    be published. All customers, not a sample; those who did not come in the month keep the persona they had. Late
    data: built whole in each run. -#}

with

{{ clientele.limit_ctes() }},

months as (
    select
        customer_months.user_sk,
        customer_months.month_date,
        customer_months.n_orders,
        customer_months.revenue,
        row_number() over (
            partition by customer_months.user_sk order by customer_months.month_date
        ) as place
    from {{ ref('customer_months') }} as customer_months
    where {{ clientele.may_be_profiled('customer_months.user_sk') }}
),

stays as (
    select * from {{ ref('persona_stays') }}
),

-- who has a persona in the first month was never without one
newcomers as (
    select
        months.month_date,
        stays.entered_date
    from months
    left join stays on months.user_sk = stays.user_sk and stays.entered_by = 'first'
    where months.place = 1 and (stays.entered_date is null or stays.entered_date > months.month_date)
),

flows as (
    select month_date, 0 as segment_id, 1 as came_or_left, 'first' as cause from newcomers
    union all
    select entered_date as month_date, 0 as segment_id, -1 as came_or_left, 'customer' as cause
    from newcomers
    where entered_date is not null
    union all
    select entered_date as month_date, segment_id, 1 as came_or_left, entered_by as cause from stays
    union all
    select left_date as month_date, segment_id, -1 as came_or_left, left_by as cause
    from stays
    where left_date is not null
),

dates as (
    select distinct month_date from months
),

personas as (
    select distinct segment_id from flows
),

grid as (
    select dates.month_date, personas.segment_id
    from dates
    cross join personas
),

movements as (
    select
        month_date,
        segment_id,
        sum(came_or_left) as net,
        sum(case when came_or_left = 1 and cause != 'model' then 1 else 0 end) as n_entered,
        sum(case when came_or_left = -1 and cause != 'model' then 1 else 0 end) as n_left
    from flows
    group by month_date, segment_id
),

-- the stay that a month falls into
activity as (
    select
        months.month_date,
        coalesce(stays.segment_id, 0) as segment_id,
        {{ clientele.month_sums() }}
    from months
    left join stays
        on
            months.user_sk = stays.user_sk
            and months.month_date >= stays.entered_date
            and (months.month_date < stays.left_date or stays.left_date is null)
    cross join limits
    group by months.month_date, coalesce(stays.segment_id, 0)
),

labels as (
    select segment_id, segment_name, segment_name_fr from {{ ref('segment_labels') }}
    union all
    select 0 as segment_id, 'No persona yet' as segment_name, 'Pas encore de persona' as segment_name_fr
),

sized as (
    select
        grid.month_date,
        grid.segment_id,
        sum(coalesce(movements.net, 0)) over (
            partition by grid.segment_id order by grid.month_date rows between unbounded preceding and current row
        ) as n_users
    from grid
    left join movements on grid.month_date = movements.month_date and grid.segment_id = movements.segment_id
),

final as (
    select
        sized.month_date,
        cast(sized.segment_id as integer) as segment_id,
        cast(labels.segment_name as varchar(256)) as segment_name,
        cast(labels.segment_name_fr as varchar(256)) as segment_name_fr,
        cast(sized.n_users as bigint) as n_users,
        {% for column in ['n_entered', 'n_left'] %}
        -- guarded here: sizes are rounded, so that what is hidden is no difference of two months either
        cast(
            case
                when movements.{{ column }} is null then 0
                when {{ clientele.is_publishable('movements.' ~ column) }}
                    then {{ clientele.round_to_step('movements.' ~ column, clientele.cell_step()) }}
            end as bigint
        ) as {{ column }},
        {% endfor %}
        cast({{ clientele.cell_step() }} as bigint) as largest_moved,
        {{ clientele.month_sums_of('activity') }},
        coalesce(
            cast(as_of.as_of_at as date) < {{ dbt.dateadd('day', -1, dbt.dateadd('month', 1, 'sized.month_date')) }},
            false
        ) as is_partial
    from sized
    cross join {{ ref('as_of') }} as as_of
    left join movements on sized.month_date = movements.month_date and sized.segment_id = movements.segment_id
    left join activity on sized.month_date = activity.month_date and sized.segment_id = activity.segment_id
    left join labels on sized.segment_id = labels.segment_id
    where sized.n_users > 0 or movements.segment_id is not null
),

publishable as (
    {{ clientele.published_cells('final', keys=['month_date', 'segment_id'], within=['month_date']) }}
)

select * from publishable
