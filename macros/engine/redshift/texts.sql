{#- From texts to values on Redshift, as strict as on DuckDB: a pattern first, then TRY_CAST. -#}

{% macro redshift__utc_timestamp(text) -%}
    case
        when regexp_count(
            {{ text }},
            '^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?(Z| UTC|[+]00(:?00)?)?$'
        ) > 0 then try_cast(replace(left({{ text }}, 19), 'T', ' ') as timestamp)
    end
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
        and those without width, which TRANSLATE removes because nothing stands for them
        (docs/decisions/0050-one-spelling-for-an-id.md). -#}
    {%- set wide = "！＂＃＄％＆（）＊＋，－．／０１２３４５６７８９：；＜＝＞？＠ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ［］＾＿｀ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ｛｜｝～" -%}
    {%- set thin = "!\"#$%&()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~" -%}
    btrim(
        translate({{ text }}, '{{ wide }}{{ "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u202f\u205f\u3000" }}{{ "\u200b\u200c\u200d\u2060\ufeff\u00ad" }}', '{{ thin }}              '),
        ' ' || chr(9)
    )
{%- endmacro %}


{% macro redshift__decimal_number(text) -%}
    {#- digits and a point, blanks around them; cast as a whole, because a CASE without ELSE may lose its precision -#}
    cast(
        case
            when regexp_count({{ text }}, '^ *[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+) *$') > 0
                then try_cast(trim({{ text }}) as decimal(14, 4))
        end as decimal(14, 4)
    )
{%- endmacro %}


{% macro redshift__row_hash(columns) -%}
    {%- set hashed = namespace(sql='fnv_hash(' ~ columns[0] ~ ')') -%}
    {%- for column in columns[1:] -%}
        {%- set hashed.sql = 'fnv_hash(' ~ column ~ ', ' ~ hashed.sql ~ ')' -%}
    {%- endfor -%}
    {{ hashed.sql }}
{%- endmacro %}
