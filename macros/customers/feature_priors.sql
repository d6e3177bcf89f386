{#- The shares among the features, and how far each is drawn towards what is usual in the shop. A share of few trials
    says little: one cart left behind out of one is no habit. Each share is therefore shrunken towards the shop's rate
    with the weight of so many trials as the customers' own rates differ little (core.feature_priors). -#}

{% macro feature_shares() %}
    {#- {share: {part, whole, a, b}}: how often (columns of user_sums) out of how many times. The feature is its logit,
        `<share>_logit`. a and b are the prior in a shop that is too small to tell its own: a / (a + b) with the
        weight of a + b trials. The first event is always in the user's own top family, and never a second look: shares
        of that kind are of the further events, or they would fall, or rise, with the number of events. -#}
    {%- set shares = {
        'one_event_sessions': {'part': 'n_one_event_sessions', 'whole': 'n_sessions', 'a': 1, 'b': 1},
        'cart_rate': {'part': 'n_carts', 'whole': 'n_events', 'a': 1, 'b': 20},
        'ordering_sessions': {'part': 'n_ordering_sessions', 'whole': 'n_sessions', 'a': 0.5, 'b': 8},
        'abandoned_carts': {'part': 'n_abandoned_sessions', 'whole': 'n_cart_sessions', 'a': 1, 'b': 1},
        'removes': {'part': 'n_removes', 'whole': '(n_removes + n_carts)', 'a': 0.5, 'b': 2},
        'purchase_rate': {'part': 'n_purchases', 'whole': 'n_events', 'a': 0.5, 'b': 25},
        'premium_share': {'part': 'n_premium_events', 'whole': 'n_product_events', 'a': 1, 'b': 3},
        'top_category': {
            'part': 'greatest(n_top_family_events - 1, 0)', 'whole': 'greatest(n_product_events - 1, 0)', 'a': 1, 'b': 1
        },
        'top_brand': {
            'part': 'greatest(n_top_brand_events - 1, 0)', 'whole': 'greatest(n_branded_events - 1, 0)', 'a': 1, 'b': 2
        },
        'unbranded': {'part': 'n_unbranded_events', 'whole': 'n_product_events', 'a': 1, 'b': 3},
        'reviewed_products': {
            'part': 'greatest(n_views - greatest(n_viewed_products, 1), 0)', 'whole': 'greatest(n_views - 1, 0)', 'a': 1, 'b': 3
        },
        'weekend': {'part': 'n_weekend_sessions', 'whole': 'n_sessions', 'a': 2, 'b': 5},
        'evening': {'part': 'n_evening_sessions', 'whole': 'n_sessions', 'a': 1, 'b': 3},
        'morning': {'part': 'n_morning_sessions', 'whole': 'n_sessions', 'a': 1, 'b': 3},
        'night': {'part': 'n_night_sessions', 'whole': 'n_sessions', 'a': 1, 'b': 7}
    } -%}
    {%- for rank in range(1, clientele.n_families() + 1) -%}
        {%- do shares.update({
            'family_' ~ rank: {'part': 'n_family_' ~ rank ~ '_events', 'whole': 'n_product_events', 'a': 0.5, 'b': 5}
        }) -%}
    {%- endfor -%}
    {{ return(shares) }}
{% endmacro %}


{% macro lowest_rate() %}
    {#- Prior rates lie between this and 1 minus it: at the bounds, the shop does not know the share. -#}
    {{ return(0.001) }}
{% endmacro %}


{% macro shrunken_share(share) -%}
    {#- The logit of a share in `feature_shares`, in a query on user_sums and share_priors. Where the shop does not know the
        share (it logs no removals, or has no brands), the logit stays at the prior for all who are like the shop:
        otherwise it would tell how many trials they had. -#}
    {%- set of = clientele.feature_shares()[share] -%}
    {%- set rate, strength = share ~ '_rate', share ~ '_strength' -%}
    case
            when ({{ of.part }} = 0 and {{ rate }} <= {{ clientele.lowest_rate() }})
                or ({{ of.part }} = {{ of.whole }} and {{ rate }} >= 1 - {{ clientele.lowest_rate() }})
                then ln({{ rate }} / (1 - {{ rate }}))
            else {{ clientele.share_logit(of.part, of.whole, rate ~ ' * ' ~ strength, '(1 - ' ~ rate ~ ') * ' ~ strength) }}
        end
{%- endmacro %}


{% macro share_prior_ctes() %}
    {#- The CTE `share_priors`: core.feature_priors in one row, `<share>_rate` and `<share>_strength` for each share. -#}
share_priors as (
    select
        {% for share in clientele.feature_shares() -%}
        max(case when share_name = '{{ share }}' then prior_rate end) as {{ share }}_rate,
        max(case when share_name = '{{ share }}' then prior_strength end) as {{ share }}_strength{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('feature_priors') }}
)
{% endmacro %}


{% macro prior_moment_ctes(user_sums) %}
    {#- CTEs that end in `prior_moments`, one row per share that somebody had a trial of: prior_rate, prior_strength (empty
        when nobody had two trials) and n_users, by moments of the beta-binomial (Kleinman 1973): users' rates differ
        more than those of equal users would, and rho is the share of a single trial's variance that lies between
        users. Its bounds of 0.01 and 0.5 are weights of 99 trials and of 1. -#}
{%- set trials, hits = clientele.double('trials'), clientele.double('hits') %}
share_names as (
    {% for share in clientele.feature_shares() -%}
    select cast('{{ share }}' as varchar(32)) as share_name
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

user_shares as (
    select
        share_names.share_name,
        cast(
            case share_names.share_name
                {% for share, of in clientele.feature_shares().items() -%}
                when '{{ share }}' then {{ of.part }}
                {% endfor -%}
            end as bigint
        ) as hits,
        cast(
            case share_names.share_name
                {% for share, of in clientele.feature_shares().items() -%}
                when '{{ share }}' then {{ of.whole }}
                {% endfor -%}
            end as bigint
        ) as trials
    from {{ user_sums }}
    cross join share_names
),

prior_sums as (
    select
        share_name,
        {{ clientele.double('count(*)') }} as n_users,
        {{ clientele.double('sum(hits)') }} as hits,
        {{ clientele.double('sum(trials)') }} as trials,
        {{ clientele.double('sum(' ~ clientele.exact(hits ~ ' * ' ~ hits ~ ' / ' ~ trials) ~ ')') }} as squared_hits,
        {{ clientele.double('sum(trials * trials)') }} as squared_trials
    from user_shares
    where trials > 0
    group by share_name
),

prior_rates as (
    select
        prior_sums.*,
        squared_hits - power(hits / trials, 2) * trials as spread,
        trials - squared_trials / trials - (n_users - 1) as extra_trials,
        greatest({{ clientele.lowest_rate() }}, least(1 - {{ clientele.lowest_rate() }}, hits / trials)) as prior_rate
    from prior_sums
),

prior_moments as (
    select
        share_name,
        n_users,
        prior_rate,
        case
            when extra_trials > 0
                then 1 / greatest(0.01, least(
                    0.5, (spread / (prior_rate * (1 - prior_rate)) - (n_users - 1)) / nullif(extra_trials, 0)
                )) - 1
        end as prior_strength
    from prior_rates
)
{% endmacro %}
