{#- Why a line is not an event: the whole list. A line gets the first reason that holds, in this order. -#}

{% macro quarantine_reasons() %}
    {{ return({
        'invalid_encoding': 'the line is not UTF-8',
        'line_too_long': 'the line is longer than 16 MiB',
        'bad_quoting': 'a quote is opened and not closed on the line, or stands inside an unquoted field',
        'wrong_number_of_fields': 'the line has more or fewer fields than the header',
        'repeated_header': 'the header stands again in the middle of the file',
        'control_character': 'a field holds a NUL character',
        'missing_event_time': 'event_time is empty',
        'bad_event_time': "event_time is not a time in UTC like '2019-10-01 00:00:00 UTC'",
        'event_time_too_early': 'event_time is before the var earliest_event_date',
        'event_time_in_future': 'event_time is more than a day after the file was delivered, or after the var latest_event_date',
        'unknown_event_type': 'event_type is not one of view, cart, remove_from_cart, purchase',
        'missing_user_id': 'user_id is empty',
        'bad_user_id': 'user_id is not a whole number',
        'missing_product_id': 'product_id is empty',
        'bad_product_id': 'product_id is not a whole number',
        'missing_price': 'price is empty',
        'bad_price': 'price is not a number',
        'negative_price': 'price is below zero (a price of zero is kept)',
        'field_too_long': 'category_id has more than 32 characters, or category_code, brand or user_session more than 256',
    }) }}
{% endmacro %}


{% macro judged_lines(rows) %}
    {#- Typed columns and the reason against each line. `rows`: nine texts per line, with file_id, load_id,
        delivered_at, line_kind ('event', 'blank'), line_fault, has_nul, may_be_long and line_text. Good lines leave
        the chain of reasons at its first branch; the others find theirs. -#}
    {%- set latest = clientele.setting('latest_event_date') -%}
    {%- set is_in_time -%}
        {%- if latest == 'none' -%}
        typed.event_at <= typed.delivered_at + interval '1 day'
        {%- else -%}
        typed.event_at < cast('{{ latest }}' as timestamp) + interval '1 day'
        {%- endif -%}
    {%- endset -%}
    {%- set first_moment = "cast('" ~ clientele.setting('earliest_event_date') ~ "' as timestamp)" -%}
    {%- set known_types = "('" ~ clientele.event_types() | join("', '") ~ "')" -%}
    {%- set is_too_long -%}
        (length(typed.category_id) > 32 or (typed.may_be_long and (
            length(typed.category_code) > 256 or length(typed.brand) > 256 or length(typed.user_session) > 256
        )))
    {%- endset %}
    select
        judged.file_id,
        judged.load_id,
        case when judged.fault is null then judged.line_kind else 'faulty' end as line_kind,
        judged.fault as reason,
        judged.event_at,
        judged.event_type,
        judged.product_id,
        judged.category_id,
        judged.category_code,
        judged.brand,
        judged.price,
        case
            when judged.fault is null then judged.user_id
            when judged.line_fault is null then {{ clientele.readable_id('judged.user_id_text', clientele.id_kind('user')) }}
        end as user_id,
        case when judged.line_fault is null then judged.session_sk else 0 end as session_sk,
        case when judged.fault is not null then judged.line_text end as line_text
    from (
        select
            typed.*,
            case
                when
                    typed.event_at >= {{ first_moment }} and {{ is_in_time }}
                    and typed.event_type in {{ known_types }}
                    and typed.user_id is not null and typed.product_id is not null and typed.price >= 0
                    and typed.line_fault is null and not typed.has_nul and not coalesce({{ is_too_long }}, false) then null
                when typed.line_kind = 'blank' then null
                when typed.line_fault is not null then typed.line_fault
                when lower(trim(typed.event_time_text)) = 'event_time' then 'repeated_header'
                when typed.has_nul then 'control_character'
                when trim(typed.event_time_text) = '' or typed.event_time_text is null then 'missing_event_time'
                when typed.event_at is null then 'bad_event_time'
                when typed.event_at < {{ first_moment }} then 'event_time_too_early'
                when not ({{ is_in_time }}) then 'event_time_in_future'
                when typed.event_type is null or typed.event_type not in {{ known_types }} then 'unknown_event_type'
                when trim(typed.user_id_text) = '' or typed.user_id_text is null then 'missing_user_id'
                when typed.user_id is null then 'bad_user_id'
                when trim(typed.product_id_text) = '' or typed.product_id_text is null then 'missing_product_id'
                when typed.product_id is null then 'bad_product_id'
                when trim(typed.price_text) = '' or typed.price_text is null then 'missing_price'
                when typed.price is null then 'bad_price'
                when typed.price < 0 then 'negative_price'
                else 'field_too_long'
            end as fault
        from (
            select
                texts.file_id,
                texts.load_id,
                texts.delivered_at,
                texts.line_kind,
                texts.line_fault,
                texts.has_nul,
                texts.may_be_long,
                texts.line_text,
                texts.event_time_text,
                texts.user_id_text,
                texts.product_id_text,
                texts.price_text,
                texts.event_type,
                {{ clientele.utc_timestamp('texts.event_time_text') }} as event_at,
                {{ clientele.whole_number('texts.product_id_text') }} as product_id,
                {{ clientele.whole_number('texts.user_id_text') }} as user_id,
                {{ clientele.decimal_number('texts.price_text') }} as price,
                {% for column in ['category_id', 'category_code', 'brand', 'user_session'] -%}
                nullif(texts.{{ column }}, '') as {{ column }},
                {% endfor %}
                case
                    when texts.user_session is null or texts.user_session = '' then 0
                    else {{ clientele.session_sk('texts.user_session') }}
                end as session_sk
            from {{ rows }} as texts
        ) as typed
    ) as judged
{% endmacro %}
