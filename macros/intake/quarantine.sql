{#- Why a line is not an event: the whole list. A line gets the first reason that holds, in this order. -#}

{% macro quarantine_reasons() %}
    {{ return({
        'invalid_encoding': 'the line is not UTF-8',
        'line_too_long': 'the line is longer than 16 MiB (on Redshift: than about 65,500 bytes)',
        'bad_quoting': 'a quote is opened and not closed on the line, or stands inside an unquoted field',
        'wrong_number_of_fields': 'the line has more or fewer fields than the header',
        'control_character': 'a field holds a NUL character',
        'missing_event_time': 'event_time is empty',
        'bad_event_time': "event_time is no time like '2019-10-01 00:00:00 UTC', ISO 8601, or seconds since 1970 (or thousandths of them)",
        'event_time_too_early': 'event_time is before the var earliest_event_date',
        'event_time_in_future': 'event_time is more than a day after the build, or after the var latest_event_date; a later build judges it again',
        'refund': 'the event gives money back; the var refunds: keep reads it',
        'unknown_event_type': 'event_type is no word of seeds/event_type_map.csv',
        'missing_user_id': 'user_id is empty',
        'sentinel_user_id': 'user_id stands for nobody: the vars sentinel_user_ids and null_words',
        'bad_user_id': 'user_id is not a whole number, or longer than 256 characters where ids are text (the var user_id_kind)',
        'missing_product_id': 'product_id is empty',
        'bad_product_id': 'product_id is not a whole number, or longer than 256 characters where ids are text (the var product_id_kind)',
        'missing_price': 'price is empty',
        'bad_price': 'price is not a number (with the var decimal as its decimal mark, and without a currency or thousands), or too large or too small for a column of four decimals',
        'negative_price': 'price is below zero (a price of zero is kept; a purchase below zero is a refund where the var refunds says so)',
        'bad_quantity': 'quantity is not a number above zero (a purchase below zero is a refund where the var refunds says so)',
        'bad_category_id': 'category_id is not a whole number (the var category_id_kind)',
        'field_too_long': 'category_id has more than 32 characters, or category_code, brand or user_session more than 256',
    }) }}
{% endmacro %}


{% macro judged_lines(rows) %}
    {#- Typed columns and the reason against each line. `rows`: ten texts per line, with file_id, load_id,
        judged_at, line_kind ('event', 'blank'), line_fault, has_nul, is_plain, may_be_long and line_text. Good lines leave
        the chain of reasons at its first branch; the others find theirs. -#}
    {%- set is_in_time = clientele._is_in_time('typed') -%}
    {%- set first_moment = "cast('" ~ clientele.setting('earliest_event_date') ~ "' as timestamp)" -%}
    {%- set known_types = "('" ~ clientele.event_types() | join("', '") ~ "')" -%}
    {%- set kinds = {'user': clientele.id_kind('user'), 'product': clientele.id_kind('product'), 'category': clientele.id_kind('category')} -%}
    {%- set is_too_long -%}
        (length(typed.category_id) > 32 or (typed.may_be_long and (
            length(typed.category_code) > 256 or length(typed.brand) > 256 or length(typed.user_session) > 256
        )))
    {%- endset -%}
    {%- set is_bad_quantity = clientele.is_bad_quantity('typed') -%}
    {%- set is_refund = clientele.is_refund('typed') %}
    select
        judged.file_id,
        judged.load_id,
        case
            {{ "when judged.is_refund and judged.fault is null then 'refund'" if clientele.keeps_refunds() }}
            when judged.fault is null then judged.line_kind
            when judged.fault = 'header' then 'header'
            else 'faulty'
        end as line_kind,
        nullif(judged.fault, 'header') as reason,
        judged.event_at,
        {{ clientele.of_refund('event_type', 'judged.event_type', "'refund'") }},
        judged.product_id,
        {{ clientele.without_email('judged.category_id') if kinds['category'] == 'text' else 'judged.category_id' }} as category_id,
        {{ clientele.without_person('judged.category_code') }} as category_code,
        {{ clientele.without_person('judged.brand') }} as brand,
        {{ clientele.of_refund('price', 'judged.price', 'abs(judged.price)') }},
        {{ clientele.of_refund('quantity', 'judged.quantity', 'abs(judged.quantity)') }},
        judged.fraction_ns,
        cast(null as integer) as repeat_number,
        case
            when judged.fault is null then judged.user_id
            when judged.line_fault is null then {{ clientele.named_customer('judged.user_id_text') }}
        end as user_id,
        {{ 'judged.product_code' if kinds['product'] == 'text' else 'cast(null as varchar(256)) as product_code' }},
        judged.is_respelled,
        case when judged.line_fault is null then judged.session_sk else 0 end as session_sk,
        case when judged.fault is not null then judged.line_text end as line_text
    from (
        select
            typed.*,
            {{ is_refund ~ ' as is_refund,' if clientele.keeps_refunds() }}
            {{ clientele.hex_to_integer('md5(typed.product_code)') ~ ' as product_id,' if kinds['product'] == 'text' }}
            {% if kinds['user'] == 'integer' -%}
            {#- '007' beside '7': told once per file -#}
            {{ clientele.is_respelled('typed.user_id_text', 'typed.user_id') }} as is_respelled,
            {%- else -%}
            false as is_respelled,
            {%- endif %}
            case
                when typed.user_session is null then 0
                else {{ clientele.session_sk('typed.user_session') }}
            end as session_sk,
            case
                when
                    typed.event_at >= {{ first_moment }} and {{ is_in_time }}
                    and (typed.event_type in {{ known_types }} and typed.price >= 0 or {{ is_refund }})
                    and typed.user_id is not null and not {{ clientele.is_sentinel('typed.user_id') }}
                    and typed.{{ 'product_code' if kinds['product'] == 'text' else 'product_id' }} is not null and typed.price is not null and not {{ clientele.is_lost_price('typed') }}
                    and typed.line_fault is null and not typed.has_nul and not coalesce({{ is_too_long }}, false)
                    and not {{ is_bad_quantity }}
                    {{ "and (typed.category_id is null or typed.category_number is not null)" if kinds['category'] == 'integer' }} then null
                when typed.line_kind = 'blank' then null
                when {{ clientele.is_header_line('typed') }} then 'header'
                when typed.line_fault is not null then typed.line_fault
                when typed.has_nul then 'control_character'
                when trim(typed.event_time_text) = '' or typed.event_time_text is null then 'missing_event_time'
                when typed.event_at is null then 'bad_event_time'
                when typed.event_at < {{ first_moment }} then 'event_time_too_early'
                when not ({{ is_in_time }}) then 'event_time_in_future'
                when typed.event_type = 'refund' and not {{ is_refund }} then 'refund'
                when typed.event_type is null or not (typed.event_type in {{ known_types }} or {{ is_refund }}) then 'unknown_event_type'
                when trim(typed.user_id_text) = '' or typed.user_id_text is null then 'missing_user_id'
                when {{ clientele.stands_for_nobody(clientele.normal_text('typed.user_id_text'), 'typed.user_id') }} then 'sentinel_user_id'
                when typed.user_id is null then 'bad_user_id'
                when trim(typed.product_id_text) = '' or typed.product_id_text is null then 'missing_product_id'
                when typed.{{ 'product_code' if kinds['product'] == 'text' else 'product_id' }} is null then 'bad_product_id'
                when trim(typed.price_text) = '' or typed.price_text is null then 'missing_price'
                when typed.price is null or {{ clientele.is_lost_price('typed') }} then 'bad_price'
                when typed.price < 0 and not {{ is_refund }} then 'negative_price'
                when {{ is_bad_quantity }} then 'bad_quantity'
                {% if kinds['category'] == 'integer' -%}
                when typed.category_id is not null and typed.category_number is null then 'bad_category_id'
                {% endif -%}
                else 'field_too_long'
            end as fault
        from (
            {{ clientele.typed_lines(rows) }}
        ) as typed
    ) as judged
{% endmacro %}


{% macro is_lost_price(lines) -%}
    {#- A condition: a price that is kept as zero and is none, for four decimals do not show it. -#}
    ({{ lines }}.price = 0 and {{ clientele.matches("split_part(lower(" ~ lines ~ ".price_text), 'e', 1)", '[1-9]') }})
{%- endmacro %}


{% macro _is_in_time(lines) -%}
    {%- set latest = clientele.setting('latest_event_date') -%}
    {%- if latest == 'none' -%}
    {{ lines }}.event_at <= {{ lines }}.judged_at + interval '1 day'
    {%- else -%}
    {{ lines }}.event_at < cast('{{ latest }}' as timestamp) + interval '1 day'
    {%- endif -%}
{%- endmacro %}


{% macro typed_lines(rows) %}
    {#- Typed columns of lines, with the texts that reasons ask for. `rows`: as judged_lines has it. -#}
    {%- set kinds = {'user': clientele.id_kind('user'), 'product': clientele.id_kind('product'), 'category': clientele.id_kind('category')} %}
    select
        texts.file_id,
        texts.load_id,
        texts.judged_at,
        texts.line_kind,
        texts.line_fault,
        texts.has_nul,
        texts.may_be_long,
        texts.line_text,
        texts.event_time_text,
        texts.user_id_text,
        texts.product_id_text,
        texts.price_text,
        {{ clientele.present('trim(texts.quantity_text)') }} as quantity_text,
        {{ clientele.event_type_word('texts.event_type') }} as event_type,
        {{ clientele.utc_timestamp('texts.event_time_text') }} as event_at,
        {{ clientele.fraction_of_second('texts.event_time_text') }} as fraction_ns,
        {% if kinds['product'] == 'text' -%}
        {{ clientele.present(clientele.normal_id('texts.product_id_text', 'text')) }} as product_code,
        {%- else -%}
        {{ clientele.whole_number('texts.product_id_text') }} as product_id,
        {%- endif %}
        {% if kinds['user'] == 'text' -%}
        {{ clientele.present(clientele.normal_id('texts.user_id_text', 'text')) }} as user_id,
        {%- else -%}
        {{ clientele.whole_number('texts.user_id_text') }} as user_id,
        {%- endif %}
        {{ clientele.decimal_number('texts.price_text') }} as price,
        {{ clientele.decimal_number('texts.quantity_text', 'decimal(12, 3)') }} as quantity,
        {% if kinds['category'] == 'integer' -%}
        {{ clientele.whole_number('texts.category_id') }} as category_number,
        coalesce(
            cast({{ clientele.whole_number('texts.category_id') }} as varchar(32)), {{ clientele.present('texts.category_id') }}
        ) as category_id,
        {%- else -%}
        {{ clientele.present('texts.category_id') }} as category_id,
        {%- endif %}
        {{ clientele.present('texts.category_code') }} as category_code,
        {{ clientele.present('texts.brand') }} as brand,
        {{ clientele.present('texts.user_session') }} as user_session
    from (
        -- a step of its own: what follows asks for these more than once
        select
            {% for column in ['file_id', 'load_id', 'judged_at', 'line_kind', 'line_fault', 'has_nul', 'may_be_long', 'line_text',
                'event_time_text', 'user_id_text', 'product_id_text', 'price_text', 'quantity_text', 'event_type'] -%}
            rows_read.{{ column }},
            {% endfor -%}
            {{ clientele.plain_text('rows_read', 'category_id') }} as category_id,
            lower({{ clientele.plain_text('rows_read', 'category_code') }}) as category_code,
            lower({{ clientele.plain_text('rows_read', 'brand') }}) as brand,
            {{ clientele.plain_text('rows_read', 'user_session') }} as user_session
        from {{ rows }} as rows_read
    ) as texts
{% endmacro %}
