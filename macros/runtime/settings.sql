{#- Settings come from `vars`. A var may be given on the command line and ends in SQL text, so each one is
    checked against its form first: numbers, a word from a list, a date. Nothing else reaches a statement. -#}

{% macro setting_forms() %}
    {{ return({
        'on_refused_file': ['fail', 'skip'],
        'rehash': 'boolean',
        'events_relation': 'relation or none',
        'side_schema': 'name or none',
        'quarantine_warn_share': [0, 1, 'fractions'],
        'quarantine_refuse_share': [0, 1, 'fractions'],
        'delimiter': ['comma', 'semicolon', 'tab', 'pipe'],
        'decimal': ['point', 'comma'],
        'refunds': ['quarantine', 'keep'],
        'repeated_purchase_lines': ['drop', 'keep'],
        'input_time_zone': 'zone',
        'null_words': 'words',
        'sentinel_user_ids': 'words',
        'user_id_kind': ['integer', 'text'],
        'product_id_kind': ['integer', 'text'],
        'category_id_kind': ['integer', 'text'],
        'feed_holds': 'alarms',
        'feed_warns': 'alarms',
        'feed_price_factor': [1.5, 1000, 'fractions'],
        'clock': 'timestamp or now',
        'earliest_event_date': 'date',
        'latest_event_date': 'date or none',
        'session_gap_minutes': [1, 1440],
        'bot_session_events': [10, 1000000],
        'bot_events_per_second': [0, 1000, 'fractions'],
        'bot_rate_min_events': [10, 1000000],
        'window_days': [1, 3650],
        'reference_days': [1, 3650],
        'utc_offset_hours': [-14, 14, 'fractions'],
        'premium_z': [0, 5, 'fractions'],
        'as_of': 'timestamp or last_event',
        'refit': 'boolean',
        'fit_min_events': [1, 100000],
        'min_events': 'count or auto',
        'settled_confidence': [0, 1, 'fractions'],
        'change_days': [1, 3650],
        'change_confidence': [0, 1, 'fractions'],
        'compare_early': 'boolean',
        'deep_layers': 'layers or none',
        'sample_users': [200, 5000000],
        'max_segments': [2, 16],
        'slice_rows': [100, 1000000000],
        'at_risk_days': [1, 3650],
        'lapsed_days': [1, 3650],
        'new_days': [1, 3650],
        'loyal_orders': [1, 1000],
        'min_cell_users': [0, 100000],
        'max_leaving_share': [0, 1, 'fractions'],
        'prediction_heads': 'heads',
        'promised_event_hours': [0, 100000, 'fractions'],
        'promised_delivery_hours': [0, 100000, 'fractions'],
        'promised_model_days': [0, 10000],
        'events_retention_months': [1, 600],
        'inactive_profile_months': [1, 600],
        'unnamed_lines_days': [1, 36500],
        'publish_to': 's3 or none',
        'currency': 'currency or none',
    }) }}
{% endmacro %}


{% macro setting(name) %}
    {%- set forms = clientele.setting_forms() -%}
    {%- if name not in forms -%}
        {{ clientele.refuse("setting: there is no var '" ~ name ~ "'. Known: " ~ forms | sort | join(', ')) }}
    {%- endif -%}
    {%- set form = forms[name] -%}
    {%- set value = clientele.value_of_setting(name) -%}
    {%- set text = (value | string).strip() -%}
    {%- if 'settings_read' in model | default({}) -%}{%- do model['settings_read'].update({name: text}) -%}{%- endif -%}
    {%- if form == 'boolean' -%}
        {%- if text | lower not in ['true', 'false'] -%}
            {{ clientele._refuse_setting(name, value, 'true or false') }}
        {%- endif -%}
        {{ return(text | lower == 'true') }}
    {%- elif form == 'count or auto' -%}
        {%- if text != 'auto' and not modules.re.fullmatch('[1-9][0-9]{0,5}', text) -%}
            {{ clientele._refuse_setting(name, value, 'auto, or a whole number from 1 to 999999') }}
        {%- endif -%}
        {{ return('auto' if text == 'auto' else text | int) }}
    {%- elif form == 'layers or none' -%}
        {#- A weight is a column of one row on its way to a score, and Redshift's rows have 1,600 columns at most. -#}
        {%- set size = '([1-9]|[12][0-9]|3[0-2])' -%}
        {%- if text != 'none' and not modules.re.fullmatch(size ~ '( ' ~ size ~ '){0,2}', text) -%}
            {{ clientele._refuse_setting(name, value, "none, or the units of one to three layers, each from 1 to 32 ('16 8')") }}
        {%- endif -%}
        {{ return(text) }}
    {%- elif form == 'words' -%}
        {%- if not modules.re.fullmatch('[A-Za-z0-9_#/<>().@+\\\\ -]{1,64}(,[A-Za-z0-9_#/<>().@+\\\\ -]{1,64}){0,63}', text) -%}
            {{ clientele._refuse_setting(name, value, 'words between commas, of letters, digits and _ # / \\ < > ( ) . @ + -') }}
        {%- endif -%}
        {{ return(text) }}
    {%- elif form == 'zone' -%}
        {#- of a zone that nobody knows every time would be none -#}
        {%- if not modules.re.fullmatch('UTC|[A-Za-z]{2,32}(/[A-Za-z0-9_+-]{1,32}){1,2}', text) or text not in modules.pytz.all_timezones_set -%}
            {{ clientele._refuse_setting(name, value, "UTC, or a time zone like 'Europe/Berlin'") }}
        {%- endif -%}
        {{ return(text) }}
    {%- elif form == 'relation or none' -%}
        {%- if not modules.re.fullmatch('none|ref:[A-Za-z_][A-Za-z0-9_]*|([A-Za-z_][A-Za-z0-9_]*[.]){1,2}[A-Za-z_][A-Za-z0-9_]*', text) -%}
            {{ clientele._refuse_setting(name, value, "schema.table, database.schema.table, ref:model, or none") }}
        {%- endif -%}
        {{ return(text) }}
    {%- elif form == 'name or none' -%}
        {%- if not modules.re.fullmatch('[a-z_][a-z0-9_]{0,62}', text) -%}
            {{ clientele._refuse_setting(name, value, 'the name of a schema, in lower case, or none') }}
        {%- endif -%}
        {{ return(text) }}
    {%- elif form == 'heads' -%}
        {%- set known = clientele.prediction_heads() -%}
        {%- set asked = ([text] if value is string else value) | map('string') | join(' ') -%}
        {%- if asked not in ['all', 'none'] and asked.split(' ') | reject('in', known) | list -%}
            {{ clientele._refuse_setting(name, value, 'all, none, or some of ' ~ known | join(', ') ~ " with a space between ('next_order spend')") }}
        {%- endif -%}
        {{ return(asked) }}
    {%- elif form == 'alarms' -%}
        {%- set known = clientele.feed_alarms() | list -%}
        {%- if text != 'none' and text.split(' ') | reject('in', known) | list -%}
            {{ clientele._refuse_setting(name, value, 'none, or some of ' ~ known | join(', ') ~ " with a space between ('missing_kind prices')") }}
        {%- endif -%}
        {{ return(text) }}
    {%- elif form == 'currency or none' -%}
        {%- if text != 'none' and not modules.re.fullmatch('[A-Z]{3}', text) -%}
            {{ clientele._refuse_setting(name, value, 'three capital letters (EUR), or none') }}
        {%- endif -%}
        {{ return(text) }}
    {%- elif form == 's3 or none' -%}
        {%- if text != 'none' and not modules.re.fullmatch('s3://[a-z0-9][a-z0-9.-]{1,62}(/[A-Za-z0-9_.=-]+)*', text) -%}
            {{ clientele._refuse_setting(name, value, "a place in S3 without a slash at its end, like 's3://bucket/folder', or none") }}
        {%- endif -%}
        {{ return(text) }}
    {%- elif form is string -%}
        {%- set form_is_met = namespace(value=(text in ['none', 'last_event', 'now'] and text in form)) -%}
        {%- if modules.re.fullmatch('[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2})?', text) and '1990-01-02' <= text < '2040' -%}
            {%- if 'timestamp' in form or text | length == 10 -%}{%- set form_is_met.value = true -%}{%- endif -%}
        {%- endif -%}
        {%- if not form_is_met.value -%}
            {{ clientele._refuse_setting(name, value, "a " ~ form ~ " in quotes, like '2019-10-31', from 1990-01-02 to 2039 (core.calendar)") }}
        {%- endif -%}
        {{ return(text) }}
    {%- elif form[0] is string -%}
        {%- if text not in form -%}
            {{ clientele._refuse_setting(name, value, form | join(' or ')) }}
        {%- endif -%}
        {{ return(text) }}
    {%- else -%}
        {%- if not modules.re.fullmatch('-?[0-9]{1,9}([.][0-9]{1,9})?', text) or text | float < form[0] or text | float > form[1] -%}
            {{ clientele._refuse_setting(name, value, 'a number from ' ~ form[0] ~ ' to ' ~ form[1]) }}
        {%- endif -%}
        {%- if 'fractions' in form -%}{{ return(text | float if '.' in text else text | int) }}{%- endif -%}
        {%- if text | float != text | float | int -%}
            {#- an interval of 30.5 days is one of 30, without a word -#}
            {{ clientele._refuse_setting(name, value, 'a whole number from ' ~ form[0] ~ ' to ' ~ form[1]) }}
        {%- endif -%}
        {{ return(text | float | int) }}
    {%- endif -%}
{% endmacro %}


{% macro _refuse_setting(name, value, wanted) %}
    {{ clientele.refuse(
        "setting: var '" ~ name ~ "' is '" ~ value ~ "', it must be " ~ wanted
        ~ ". Change it in dbt_project.yml or in --vars."
    ) }}
{% endmacro %}


{% macro check_settings() %}
    {%- for name in clientele.setting_forms() -%}{%- do clientele.setting(name) -%}{%- endfor -%}
    {%- for name in invocation_args_dict.get('vars', {}) if name not in clientele.setting_forms() -%}
        {{ clientele.refuse(
            "check_settings: --vars names '" ~ name ~ "', which is no setting. Known: " ~ clientele.setting_forms() | sort | join(', ')
        ) }}
    {%- endfor -%}
    {%- do clientele.check_lifecycle_settings() -%}
{% endmacro %}
