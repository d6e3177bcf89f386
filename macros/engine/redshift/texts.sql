{#- From texts to values on Redshift, as strict as on DuckDB: a pattern first, then TRY_CAST. -#}

{% macro redshift__utc_timestamp(text) -%}
    {#- A zone by its name is the var input_time_zone only: CONVERT_TIMEZONE ends a statement at a name that it does not know. -#}
    {%- set normal = clientele.redshift__normal_text(text) -%}
    {%- set zone = clientele.setting('input_time_zone') -%}
    {%- set clock = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?" -%}
    {%- set day = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]" -%}
    {%- set second = "case when substring(" ~ normal ~ ", 17, 1) = ':' then substring(" ~ normal ~ ", 17, 3) else ':00' end" -%}
    {%- set local = "try_cast(replace(left(" ~ normal ~ ", 16), 'T', ' ') || " ~ second ~ " as timestamp)" -%}
    {%- set offset = "regexp_substr(" ~ normal ~ ", '[+-][0-9]{2}(:?[0-9]{2})?$')" -%}
    {%- set minutes = "cast(substring(" ~ offset ~ ", 2, 2) as integer) * 60 + case when length(" ~ offset ~ ") > 3 then cast(right(" ~ offset ~ ", 2) as integer) else 0 end" -%}
    case
        when regexp_count({{ normal }}, '{{ day }}{{ clock }}( ?(Z|z|UTC|utc|GMT))?$') > 0
            then {% if zone == 'UTC' -%} {{ local }}
            {%- else -%}
            case
                when regexp_count({{ normal }}, '(Z|z|UTC|utc|GMT)$') > 0 then {{ local }}
                else convert_timezone('{{ zone }}', 'UTC', {{ local }})
            end
            {%- endif %}
        when regexp_count({{ normal }}, '{{ day }}{{ clock }} ?[+-]((0[0-9]|1[0-7])(:?[0-5][0-9])?|18(:?00)?)$') > 0
            then dateadd(minute, case when left({{ offset }}, 1) = '+' then -1 else 1 end * ({{ minutes }}), {{ local }})
        when regexp_count({{ normal }}, '^([0-9]{9,10}|[0-9]{12,13}|[0-9]{15,16}|[0-9]{18,19})([.][0-9]+)?$') > 0
            then dateadd(second, cast(left({{ normal }}, {{ clientele.redshift__n_digits(normal) }}) as bigint), cast('1970-01-01 00:00:00' as timestamp))
    end
{%- endmacro %}


{% macro redshift__n_digits(normal) -%}
    {#- Of a number since 1970, how many digits are whole seconds: 9 until 2001, 10 from then on. -#}
    case when mod(length(split_part({{ normal }}, '.', 1)), 3) = 0 then 9 else 10 end
{%- endmacro %}


{% macro redshift__fraction_of_second(text) -%}
    {%- set normal = clientele.redshift__normal_text(text) -%}
    {%- set since = "regexp_count(" ~ normal ~ ", '^[0-9]{9,19}([.][0-9]+)?$') > 0" -%}
    {%- set digits -%}
        case
            when {{ since }} and length(split_part({{ normal }}, '.', 1)) > 10
                then substring(split_part({{ normal }}, '.', 1), {{ clientele.redshift__n_digits(normal) }} + 1)
            when {{ since }} then split_part({{ normal }}, '.', 2)
            else substring(regexp_substr({{ normal }}, ':[0-9]{2}[.,][0-9]+'), 5)
        end
    {%- endset -%}
    nullif(cast(nullif(rpad(left({{ digits }}, 9), case when length({{ digits }}) > 0 then 9 else 0 end, '0'), '') as integer), 0)
{%- endmacro %}


{% macro redshift__event_type_word(text) -%}
    {%- set normal = clientele.redshift__normal_text(text) -%}
    case
        when {{ text }} in ('{{ clientele.event_types() | join("', '") }}') then {{ text }}
        {# not ref(): in a unit test that is the name of a fixture, which no query finds -#}
        {% if execute -%}
        {%- for row in run_query('select event_type, word from ' ~ clientele.built('core', 'event_type_map') ~ ' order by event_type, word').rows | groupby('event_type') -%}
        when lower({{ normal }}) in ({{ clientele.literals(row.list | map(attribute='word') | list) }}) then '{{ row.grouper }}'
        {% endfor -%}
        {%- endif -%}
        else left({{ normal }}, 16)
    end
{%- endmacro %}


{% macro redshift__is_header_line(lines) -%}
    (lower({{ clientele.redshift__normal_text(lines ~ '.event_time_text') }}) = 'event_time' or regexp_count({{ lines }}.line_text, '^"?sep=."?$') > 0)
{%- endmacro %}


{% macro redshift__whole_number(text) -%}
    {%- set normal = "replace(" ~ clientele.redshift__normal_text(text) ~ ", '−', '-')" -%}
    case
        when regexp_count({{ text }}, '^-?[1-9][0-9]{0,17}$') > 0 then try_cast({{ text }} as bigint)
        when regexp_count({{ normal }}, '^[+-]?[0-9]{1,64}([.]0+)?$') > 0
            then try_cast(split_part({{ normal }}, '.', 1) as bigint)
    end
{%- endmacro %}


{% macro redshift__is_respelled(text, id) -%}
    ({{ id }} > 0 and {{ text }} != cast({{ id }} as varchar(20)))
{%- endmacro %}


{% macro redshift__plain_text(lines, column) -%}
    {{ clientele.redshift__normal_text(lines ~ '.' ~ column) }}
{%- endmacro %}


{% macro redshift__normal_text(text) -%}
    {#- Redshift has no Unicode forms. What data sets have of them is here: characters of full width, blanks of other kinds,
        and those without width or for a direction, which TRANSLATE removes because nothing stands for them
        (docs/decisions/0050-one-spelling-for-an-id.md). -#}
    {%- set wide = "！＂＃＄％＆（）＊＋，－．／０１２３４５６７８９：；＜＝＞？＠ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ［］＾＿｀ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ｛｜｝～" -%}
    {%- set thin = "!\"#$%&()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~" -%}
    btrim(
        translate({{ text }}, '{{ wide }}{{ "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u202f\u205f\u3000" }}{{ "\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\u180e\ufeff\u00ad\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069" }}', '{{ thin }}              '),
        ' ' || chr(9)
    )
{%- endmacro %}


{% macro redshift__matches(text, pattern) -%}
    regexp_count({{ text }}, '{{ pattern }}') > 0
{%- endmacro %}


{% macro redshift__digits_of(text) -%}
    regexp_replace({{ text }}, '[^0-9]+', '')
{%- endmacro %}


{% macro redshift__decimal_number(text, type) -%}
    {#- digits and a decimal mark, an exponent if there is one, blanks around them; cast as a whole, because a CASE without ELSE
        may lose its precision -#}
    {%- set mark = ',' if clientele.setting('decimal') == 'comma' else '.' -%}
    {%- set point = "replace(btrim(" ~ text ~ ", ' '), '" ~ mark ~ "', '.')" if mark == ',' else "btrim(" ~ text ~ ", ' ')" -%}
    {%- set form = "[+-]?([0-9]+[" ~ mark ~ "]?[0-9]*|[" ~ mark ~ "][0-9]+)" -%}
    cast(
        case
            when regexp_count({{ text }}, '^ *{{ form }} *$') > 0 then try_cast({{ point }} as {{ type }})
            when regexp_count({{ text }}, '^ *{{ form }}[eE][+-]?0?[0-9] *$') > 0
                then try_cast(cast(try_cast(split_part(lower({{ point }}), 'e', 1) as decimal(20, 10))
                    * case cast(split_part(lower({{ point }}), 'e', 2) as integer)
                    {% for power in range(-9, 10) -%}
                    when {{ power }} then {{ '0.' ~ '0' * (-power - 1) ~ '1' if power < 0 else '1' ~ '0' * power }}
                    {% endfor -%}
                end as varchar(64)) as {{ type }})
        end as {{ type }}
    )
{%- endmacro %}


{% macro redshift__row_hash(columns) -%}
    {%- set hashed = namespace(sql='fnv_hash(' ~ columns[0] ~ ')') -%}
    {%- for column in columns[1:] -%}
        {%- set hashed.sql = 'fnv_hash(' ~ column ~ ', ' ~ hashed.sql ~ ')' -%}
    {%- endfor -%}
    {{ hashed.sql }}
{%- endmacro %}
