{#- The columns of an event, once: what makes two lines the same event, and what core.events keeps. -#}

{% macro raw_event_columns() %}
    {{ return(['event_at', 'event_type', 'product_id', 'category_id', 'category_code', 'brand', 'price', 'quantity', 'fraction_ns', 'repeat_number', 'user_id', 'session_sk']) }}
{% endmacro %}


{% macro event_columns() %}
    {{ return({
        'user_sk': 'bigint',
        'session_sk': 'bigint',
        'event_at': 'timestamp',
        'event_type': 'varchar(16)',
        'product_id': 'bigint',
        'category_id': 'varchar(32)',
        'category_code': 'varchar(256)',
        'brand': 'varchar(256)',
        'price': 'decimal(18, 4)',
        'quantity': 'decimal(12, 3)',
        'fraction_ns': 'integer',
        'repeat_number': 'integer',
    }) }}
{% endmacro %}


{% macro event_types() %}
    {#- What a shop's own words become (seeds/event_type_map.csv). -#}
    {{ return(['view', 'cart', 'remove_from_cart', 'purchase']) }}
{% endmacro %}


{% macro counts_of_kinds() %}
    {#- Names of the columns that count events of a kind: {column: event type}. -#}
    {{ return({'n_views': 'view', 'n_carts': 'cart', 'n_removals': 'remove_from_cart', 'n_purchases': 'purchase'}) }}
{% endmacro %}


{% macro arriving_events(duplicates='left out', kind='event') %}
    {#- The events of this run's files under their pseudonyms, or lines of another kind. duplicates: 'left out', or 'only' those. -#}
    select
        user_keys.user_sk,
        lines.session_sk,
        lines.event_at,
        lines.event_type,
        lines.product_id,
        lines.category_id,
        lines.category_code,
        lines.brand,
        lines.price,
        lines.quantity,
        lines.fraction_ns,
        lines.repeat_number,
        lines.file_id,
        lines.load_id,
        {{ clientele.line_id('lines') }} as line_id
    from {{ ref('stg_lake__lines') }} as lines
    inner join {{ ref('user_keys') }} as user_keys on lines.user_id = user_keys.user_id
    {{ 'inner' if duplicates == 'only' else 'left' }} join {{ ref('stg_lake__duplicates') }} as duplicates
        on {{ clientele.line_id('lines') }} = duplicates.line_id
    where
        lines.line_kind = '{{ kind }}' and {{ clientele.is_kept('lines.event_at') }}
        {{ 'and duplicates.line_id is null' if duplicates != 'only' }}
{% endmacro %}


{% macro lines_equal_to(events) %}
    {#- This run's lines that say the same as rows of `events` (a CTE with the columns of core.events), joined to
        them: the raw ids of a line are compared under their pseudonyms, and only for lines that agree otherwise. -#}
    select
        {% for column in clientele.event_columns() %}{{ events }}.{{ column }},
        {% endfor %}
        {{ clientele.line_id('lines') }} as line_id
    from {{ events }}
    inner join {{ ref('user_keys') }} as user_keys on {{ events }}.user_sk = user_keys.user_sk
    inner join {{ ref('stg_lake__lines') }} as lines
        on
            user_keys.user_id = lines.user_id
            and {{ events }}.event_at = lines.event_at
            and {{ events }}.product_id = lines.product_id
            and {{ events }}.event_type = lines.event_type
    where
        lines.line_kind = 'event'
        and {{ events }}.session_sk = lines.session_sk
        and {{ clientele.same(events, 'lines', ['category_id', 'category_code', 'brand', 'price', 'quantity', 'fraction_ns', 'repeat_number']) }}
{% endmacro %}


{% macro number_repeats(relation) %}
    {#- For by_file, where repeated purchase lines are kept: purchases of one file that agree in everything are told apart by their
        number in the file. So the second one is another event there, and in another file it is the same event. -#}
    {%- set statement = clientele.repeat_numbers(relation) -%}
    {%- if statement -%}{%- do run_query(statement) -%}{%- endif -%}
{% endmacro %}


{% macro repeat_numbers(relation) %}
    {#- The statement of number_repeats, or none where repeated purchase lines are dropped. -#}
    {%- if clientele.setting('repeated_purchase_lines') == 'keep' -%}
        {%- set columns = clientele.raw_event_columns() | reject('equalto', 'repeat_number') | join(', lines.') -%}
        {%- set line_id = clientele.line_id('lines') | trim -%}
        {{ return(
            'update ' ~ relation ~ ' set repeat_number = copies.place from (select line_id, cast(place as integer) as place from (select '
            ~ line_id ~ ' as line_id, row_number() over (partition by lines.file_id, lines.' ~ columns ~ ' order by ' ~ line_id
            ~ ') as place from ' ~ relation ~ " as lines where lines.line_kind in " ~ clientele.kept_kinds() ~ " and lines.event_type in ('purchase', 'refund')) as numbered"
            ~ ' where place > 1) as copies where ' ~ clientele.line_id(relation.identifier) | trim ~ ' = copies.line_id'
        ) }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}
