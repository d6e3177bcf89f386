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

{{ clientele.share_prior_ctes() }},

user_features_as_of as (
    select
        user_sk,
        {{ clientele._intensity_features() }},
        {{ clientele._funnel_features() }},
        {{ clientele._price_features() }},
        {{ clientele._breadth_features() }},
        {{ clientele._timing_features() }}
    from user_sums
    cross join share_priors
)
{% endmacro %}


{% macro _intensity_features() -%}
        ln(n_sessions / greatest(n_days / 7, 1)) as sessions_per_week_ln,
        ln(n_events / n_sessions) as events_per_session_ln,
        sum_ln_seconds / n_sessions as session_seconds_ln,
        {{ clientele.shrunken_share('one_event_sessions') }} as one_event_sessions_logit,
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
        {{ clientele.shrunken_share('cart_rate') }} as cart_rate_logit,
        {{ clientele.shrunken_share('ordering_sessions') }} as ordering_sessions_logit,
        {{ clientele.shrunken_share('abandoned_carts') }} as abandoned_carts_logit,
        {{ clientele.shrunken_share('removes') }} as removes_logit,
        ln((n_purchases + 2 * prior_items_per_order) / (n_ordering_sessions + 2)) as items_per_order_ln,
        (sum_ln_latency + 2 * prior_ln_latency) / (n_latencies + 2) as view_to_purchase_ln,
        {{ clientele.shrunken_share('purchase_rate') }} as purchase_rate_logit
{%- endmacro %}


{% macro _price_features() -%}
        sum_price_z / (n_product_events + 2) as price_level_z,
        sqrt(
            (greatest(sum_squared_price_z - power(sum_price_z, 2) / greatest(n_product_events, 1), 0) + 2 * 0.5)
            / (n_product_events + 2)
        ) as price_spread_z,
        case
            when n_product_purchases > 0
                then (sum_bought_z / n_product_purchases - sum_price_z / n_product_events)
                    * n_product_purchases / (n_product_purchases + 2)
            else 0
        end as bought_minus_viewed_z,
        ln((revenue + 2 * greatest(prior_order_value, 0.01)) / (n_ordering_sessions + 2)) as order_value_ln,
        {{ clientele.shrunken_share('premium_share') }} as premium_share_logit
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
        {{ clientele.shrunken_share('top_category') }} as top_category_logit,
        {{ clientele.shrunken_share('top_brand') }} as top_brand_logit,
        {{ clientele.shrunken_share('unbranded') }} as unbranded_logit,
        {{ clientele.shrunken_share('reviewed_products') }} as reviewed_products_logit,
        ln(n_session_products / n_sessions) as products_per_session_ln,
        {% for rank in range(1, clientele.n_families() + 1) -%}
        {{ clientele.shrunken_share('family_' ~ rank) }} as family_{{ rank }}_logit{{ ',' if not loop.last }}
        {% endfor -%}
{%- endmacro %}


{% macro _timing_features() -%}
        {{ clientele.shrunken_share('weekend') }} as weekend_logit,
        {{ clientele.shrunken_share('evening') }} as evening_logit,
        {{ clientele.shrunken_share('morning') }} as morning_logit,
        {{ clientele.shrunken_share('night') }} as night_logit,
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
