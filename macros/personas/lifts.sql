{#- A persona against the other personas: who buys, and what a customer spends, with 95 % intervals. -#}

{% macro persona_lifts(sizes) %}
    {#- One row per persona of `sizes`, a CTE with the rows of core.persona_sizes: buyer_lift and revenue_lift, each with _low
        and _high, and largest_revenue_lift, what the customer who spent most makes of it. -#}
    select
        segment_id,
        -- buyers among the persona against buyers among the rest; the interval is Katz's (1978)
        case when rest_share > 0 then own_share / rest_share end as buyer_lift,
        case when rest_share > 0 then own_share / rest_share * exp(-1.96 * ln_buyer_error) end as buyer_lift_low,
        case when rest_share > 0 then own_share / rest_share * exp(1.96 * ln_buyer_error) end as buyer_lift_high,
        revenue_per_user / rest_revenue_per_user as revenue_lift,
        revenue_per_user / rest_revenue_per_user * exp(-1.96 * ln_revenue_error) as revenue_lift_low,
        revenue_per_user / rest_revenue_per_user * exp(1.96 * ln_revenue_error) as revenue_lift_high,
        revenue_per_user / rest_revenue_per_user * largest_revenue
        / least(revenue_per_user * n_users, rest_revenue_per_user * rest_users) as largest_revenue_lift
    from (
        select
            rates.*,
            -- the standard error of a ratio's logarithm, by the delta method
            sqrt(
                greatest(squared_revenue / n_users - power(revenue_per_user, 2), 0) / n_users / power(revenue_per_user, 2)
                + greatest(rest_squared_revenue / rest_users - power(rest_revenue_per_user, 2), 0)
                / rest_users / power(rest_revenue_per_user, 2)
            ) as ln_revenue_error
        from (
            select
                own.segment_id,
                {{ clientele.double('own.n_users') }} as n_users,
                everybody.n_users - own.n_users as rest_users,
                -- where all have bought, the share would tell so of each
                case
                    when own.n_buyers < own.n_users then {{ clientele.double('own.n_buyers') }} / own.n_users
                end as own_share,
                case
                    when everybody.n_users > own.n_users
                        then (everybody.n_buyers - own.n_buyers) / (everybody.n_users - own.n_users)
                end as rest_share,
                case
                    when own.n_buyers > 0 and everybody.n_buyers > own.n_buyers
                        then
                            sqrt(
                                1 / {{ clientele.double('own.n_buyers') }} - 1 / {{ clientele.double('own.n_users') }}
                                + 1 / (everybody.n_buyers - own.n_buyers) - 1 / (everybody.n_users - own.n_users)
                            )
                end as ln_buyer_error,
                nullif({{ clientele.double('own.revenue') }} / own.n_users, 0) as revenue_per_user,
                case
                    when everybody.n_users > own.n_users and everybody.revenue > own.revenue
                        then (everybody.revenue - {{ clientele.double('own.revenue') }}) / (everybody.n_users - own.n_users)
                end as rest_revenue_per_user,
                own.squared_revenue,
                everybody.squared_revenue - own.squared_revenue as rest_squared_revenue,
                everybody.largest_revenue
            from {{ sizes }} as own
            cross join (
                select
                    {{ clientele.double('sum(n_users)') }} as n_users,
                    {{ clientele.double('sum(n_buyers)') }} as n_buyers,
                    {{ clientele.double('sum(revenue)') }} as revenue,
                    sum(squared_revenue) as squared_revenue,
                    {{ clientele.double('max(largest_revenue)') }} as largest_revenue
                from {{ sizes }}
                where segment_id > 0
            ) as everybody
            where own.segment_id > 0
        ) as rates
    ) as measured
{% endmacro %}


{% macro trait_text() -%}
    {#- "auto 54 % (4.2)": a trait of segment_traits, its share of what the persona looks at and its lift. -#}
    replace(trait, '_', ' ') || ' ' || cast(cast(round(100 * trait_share, 0) as integer) as varchar(8)) || ' % ('
    || cast(cast(round(lift, 1) as decimal(12, 1)) as varchar(16)) || ')'
{%- endmacro %}


{% macro trait_list(kind) -%}
    {#- An aggregate over rows of segment_traits: the three most telling traits of a kind, in words. -#}
    {%- set places = [] -%}
    {%- for place in [1, 2, 3] -%}
        {%- do places.append(
            "max(case when trait_kind = '" ~ kind ~ "' and trait_position = " ~ place ~ ' then ' ~ clientele.trait_text() ~ ' end)'
        ) -%}
    {%- endfor -%}
    {{ places[0] }} || coalesce('; ' || {{ places[1] }}, '') || coalesce('; ' || {{ places[2] }}, '')
{%- endmacro %}
