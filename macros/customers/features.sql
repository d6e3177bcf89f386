{#- The arithmetic of the features, block by block, from the sums of a user's window (feature_sums.sql). One macro serves
    the kept table, training frames and studies of short histories. What each feature means is written once, in
    models/customers/user_features.yml. -#}

{% macro user_feature_ctes(windows, sessions, events) %}
    {#- CTEs that end in `user_features_as_of`, one row per row of `windows`.
        windows: user_sk, ends_at. sessions: rows of core.user_sessions without bots, none after ends_at.
        events: rows of core.events without bots, none after ends_at. -#}
{{ clientele.session_sum_ctes(windows, sessions) }},

{{ clientele.product_sum_ctes(events) }},

{{ clientele.user_sum_ctes() }},

user_features_as_of as (
    select
        user_sk,
        {{ clientele._intensity_features() }},
        {{ clientele._funnel_features() }},
        {{ clientele._price_features() }},
        {{ clientele._breadth_features() }},
        {{ clientele._timing_features() }}
    from user_sums
)
{% endmacro %}


{% macro _intensity_features() -%}
        ln(n_sessions / greatest(n_days / 7, 1)) as sessions_per_week_ln,
        ln(n_events / n_sessions) as events_per_session_ln,
        sum_ln_seconds / n_sessions as session_seconds_ln,
        {{ clientele.share_logit('n_one_event_sessions', 'n_sessions', 1, 1) }} as one_event_sessions_logit,
        ln((sum_gap_days + 7) / (n_gaps + 1)) as session_gap_days_ln,
        -- shrunken towards 1, the coefficient of variation of a Poisson process
        (
            n_gaps * case
                when n_gaps > 1 and sum_gap_days > 0
                    then sqrt(greatest(sum_squared_gap_days / n_gaps - power(sum_gap_days / n_gaps, 2), 0)) / (sum_gap_days / n_gaps)
                else 1
            end + 2
        ) / (n_gaps + 2) as session_gap_cv,
        (n_active_days + 1) / (n_days + 7) as active_day_share
{%- endmacro %}


{% macro _funnel_features() -%}
        {{ clientele.share_logit('n_carts', 'n_events', 1, 20) }} as cart_rate_logit,
        {{ clientele.share_logit('n_ordering_sessions', 'n_sessions', 0.5, 8) }} as ordering_sessions_logit,
        {{ clientele.share_logit('n_abandoned_sessions', 'n_cart_sessions', 1, 1) }} as abandoned_carts_logit,
        {{ clientele.share_logit('n_removes', 'n_removes + n_carts', 0.5, 2) }} as removes_logit,
        ln((n_purchases + 2 * prior_items_per_order) / (n_ordering_sessions + 2)) as items_per_order_ln,
        (sum_ln_latency + 2 * prior_ln_latency) / (n_latencies + 2) as view_to_purchase_ln,
        {{ clientele.share_logit('n_purchases', 'n_events', 0.5, 25) }} as purchase_rate_logit
{%- endmacro %}


{% macro _price_features() -%}
        sum_price_z / (n_product_events + 2) as price_level_z,
        sqrt(
            (greatest(sum_squared_price_z - power(sum_price_z, 2) / greatest(n_product_events, 1), 0) + 2 * 0.5)
            / (n_product_events + 2)
        ) as price_spread_z,
        case
            when n_product_purchases > 0
                then (sum_bought_z / n_product_purchases - sum_price_z / n_product_events) * n_product_purchases / (n_product_purchases + 2)
            else 0
        end as bought_minus_viewed_z,
        ln((revenue + 2 * greatest(prior_order_value, 0.01)) / (n_ordering_sessions + 2)) as order_value_ln,
        {{ clientele.share_logit('n_premium_events', 'n_product_events', 1, 3) }} as premium_share_logit
{%- endmacro %}


{% macro _breadth_features() -%}
        -- the chance that two of the user's events are in different families: diversity rarefied to two (Hurlbert 1971)
        (
            n_product_events * case
                when n_product_events > 1
                    then (power(n_product_events, 2) - sum_squared_family_events) / (n_product_events * (n_product_events - 1))
                else 0.5
            end + 2 * 0.5
        ) / (n_product_events + 2) as category_diversity,
        {{ clientele.share_logit('n_top_family_events', 'n_product_events', 1, 1) }} as top_category_logit,
        {{ clientele.share_logit('n_top_brand_events', 'n_branded_events', 1, 2) }} as top_brand_logit,
        {{ clientele.share_logit('n_unbranded_events', 'n_product_events', 1, 3) }} as unbranded_logit,
        {{ clientele.share_logit('greatest(n_views - n_viewed_products, 0)', 'n_views', 1, 3) }} as reviewed_products_logit,
        ln(n_session_products / n_sessions) as products_per_session_ln,
        {% for rank in range(1, clientele.n_families() + 1) -%}
        {{ clientele.share_logit('n_family_' ~ rank ~ '_events', 'n_product_events', 0.5, 5) }} as family_{{ rank }}_logit{{ ',' if not loop.last }}
        {% endfor -%}
{%- endmacro %}


{% macro _timing_features() -%}
        {{ clientele.share_logit('n_weekend_sessions', 'n_sessions', 2, 5) }} as weekend_logit,
        {{ clientele.share_logit('n_evening_sessions', 'n_sessions', 1, 3) }} as evening_logit,
        {{ clientele.share_logit('n_morning_sessions', 'n_sessions', 1, 3) }} as morning_logit,
        -- against the share of such days while the user was around, so that somebody who only came in December is no gift
        -- buyer; 0 when there was no such day, or no other
        {% for season, name in {'promo': 'promo_lift_logit', 'payday': 'payday_logit', 'gift': 'gift_season_logit'}.items() -%}
        {%- set share = '(n_' ~ season ~ '_days + 1) / (n_days + 2)' -%}
        case
            when n_{{ season }}_days > 0 and n_{{ season }}_days < n_days
                then {{ clientele.share_logit('n_' ~ season ~ '_sessions', 'n_sessions', '2 * ' ~ share, '2 - 2 * ' ~ share) }}
                    - {{ clientele.share_logit('n_' ~ season ~ '_days', 'n_days', 1, 1) }}
            else 0
        end as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
{%- endmacro %}
