{#- A unit test says what comes of given rows under given settings: it would fail in a shop with other ones, and hold the
    publication back. So it reads its own, which are those that the project comes with (tests/end_to_end/test_settings.py compares them). -#}

{% macro value_of_setting(name) %}
    {#- The value of a var as it is given. -#}
    {%- if model is not defined or model.resource_type != 'unit_test' -%}{{- return(var(name)) -}}{%- endif -%}
    {%- set own = (model.overrides or {}).get('vars') or {} -%}
    {{ return(own.get(name, clientele.settings_of_unit_tests()[name])) }}
{% endmacro %}


{% macro settings_of_unit_tests() %}
    {{ return({
        'on_refused_file': 'fail',
        'quarantine_warn_share': 0.1,
        'quarantine_refuse_share': 0.5,
        'delimiter': 'comma',
        'decimal': 'point',
        'refunds': 'quarantine',
        'repeated_purchase_lines': 'drop',
        'input_time_zone': 'UTC',
        'null_words': 'nan,null,none,nil,\\N,<na>,nat,undefined',
        'sentinel_user_ids': '0,-1',
        'events_relation': 'none',
        'side_schema': 'none',
        'rehash': false,
        'user_id_kind': 'integer',
        'product_id_kind': 'integer',
        'category_id_kind': 'text',
        'feed_holds': 'missing_kind prices',
        'feed_warns': 'volume cut_day missing_days left_out stale',
        'feed_price_factor': 5,
        'clock': 'now',
        'earliest_event_date': '2000-01-01',
        'latest_event_date': 'none',
        'session_gap_minutes': 30,
        'bot_session_events': 1000,
        'bot_events_per_second': 1,
        'bot_rate_min_events': 60,
        'window_days': 90,
        'reference_days': 28,
        'utc_offset_hours': 0,
        'premium_z': 0.674,
        'as_of': 'last_event',
        'refit': false,
        'fit_min_events': 20,
        'min_events': 'auto',
        'settled_confidence': 0.6,
        'change_days': 30,
        'change_confidence': 0.75,
        'compare_early': false,
        'deep_layers': 'none',
        'sample_users': 300000,
        'max_segments': 10,
        'slice_rows': 2000000,
        'at_risk_days': 45,
        'lapsed_days': 90,
        'new_days': 30,
        'loyal_orders': 3,
        'prediction_heads': 'all',
        'promised_event_hours': 0,
        'promised_delivery_hours': 0,
        'promised_model_days': 0,
        'events_retention_months': 25,
        'inactive_profile_months': 36,
        'unnamed_lines_days': 90,
        'min_cell_users': 20,
        'max_leaving_share': 0.3,
        'currency': 'none',
        'publish_to': 'none'
    }) }}
{% endmacro %}
