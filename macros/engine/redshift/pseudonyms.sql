{#- Keyed pseudonyms on Redshift. The key material is the one row of vault.pseudonym_key, a table that only the pipeline's
    role may read and that `clientele redshift-key` fills: statements name its columns, and none its values. -#}

{% macro redshift__key_material(column, epoch='pseudonym_key') -%}
    (select max({{ column }}) from vault.{{ epoch }})
{%- endmacro %}


{% macro redshift__user_key(user_id, epoch='pseudonym_key') -%}
    {%- set inner = "sha2(" ~ clientele.redshift__key_material('user_inner', epoch) ~ " || 'user:v1:' || " ~ user_id ~ ", 256)" -%}
    left(sha2({{ clientele.redshift__key_material('user_outer', epoch) }} || {{ inner }}, 256), 32)
{%- endmacro %}


{% macro redshift__session_sk(user_session) -%}
    {#- the mask is 0 until the key is rotated -#}
    {{ clientele.redshift__masked(
        clientele.hex_to_integer(
            "sha2(" ~ clientele.redshift__key_material('session') ~ " || 'session:v1:' || " ~ user_session ~ ", 256)"
        ),
        clientele.redshift__key_material('session_mask')
    ) }}
{%- endmacro %}


{% macro redshift__masked(number, mask) -%}
    {#- The guide has no exclusive or; a sum modulo 2^60 hides 60 bits as well. -#}
    mod({{ number }} + {{ mask }}, 1152921504606846976)
{%- endmacro %}


{% macro redshift__erased_hash(user_id) -%}
    {%- set inner = "sha2(" ~ clientele.redshift__key_material('erased_inner') ~ " || 'erased:v1:' || " ~ user_id ~ ", 256)" -%}
    left(sha2({{ clientele.redshift__key_material('erased_outer') }} || {{ inner }}, 256), 32)
{%- endmacro %}


{% macro redshift__experiment_draw(text) -%}
    {{ clientele.hex_to_integer(
        "sha2(" ~ clientele.redshift__key_material('session') ~ " || 'experiment:v1:' || " ~ text ~ ", 256)"
    ) }}
{%- endmacro %}


{% macro redshift__new_key_ring(epoch='pseudonym_key') %}
    {#- A fingerprint of the key material, which tells nothing about it. -#}
    {{ return("sha2(" ~ clientele.redshift__key_material('user_outer', epoch) ~ " || 'ring:v1:', 256)") }}
{% endmacro %}


{% macro redshift__key_ring_opens(sealed) %}
    {{ return(sealed ~ " = " ~ clientele.redshift__new_key_ring()) }}
{% endmacro %}


{% macro redshift__hex_to_integer(hex) -%}
    strtol(left({{ hex }}, 15), 16)
{%- endmacro %}


{% macro redshift__pseudonym_key_problem() %}
    {%- if not clientele.is_there(clientele.register('pseudonym_key')) -%}
        {{ return('There is no table vault.pseudonym_key, and without key material no file is read. Make it once, with '
            ~ 'CLIENTELE_PSEUDONYM_KEY set: clientele redshift-key') }}
    {%- endif -%}
    {%- set n_good = run_query(
        'select count(*) from (select count(*) as n_rows, min(length(user_inner)) as n_inner, min(length(user_outer)) as n_outer, '
        ~ 'min(length(session)) as n_session, min(length(erased_inner)) as n_erased_inner, '
        ~ 'min(length(erased_outer)) as n_erased_outer, count(session_mask) as n_masks from vault.pseudonym_key) as held '
        ~ 'where n_rows = 1 and n_inner = 64 and n_outer = 64 and n_session = 32 '
        ~ 'and n_erased_inner = 64 and n_erased_outer = 64 and n_masks = 1'
    ).columns[0].values()[0] -%}
    {%- if n_good | int == 0 -%}
        {{ return('vault.pseudonym_key does not hold exactly one row of key material. Fill it again, with '
            ~ 'CLIENTELE_PSEUDONYM_KEY set to the key that this warehouse was built with: clientele redshift-key') }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}


{% macro redshift__rotate_key() %}
    {#- To the key material in vault.pseudonym_key_next, in one transaction: every table that has a pseudonym, found by its
        columns, then the ring, the key itself, and that the request is done. Nothing is left to repair after a kill. -#}
    {%- if execute -%}
        {%- do clientele._require_warehouse() -%}
        {%- do clientele.take_build_lock('rotate') -%}
        {%- set problem = clientele.pseudonym_key_problem() -%}
        {%- if problem -%}{{ clientele.refuse(problem) }}{%- endif -%}
        {%- do clientele.require_same_key() -%}
        {%- set ring = clientele.register('key_ring') -%}
        {%- if not clientele.is_there(clientele.register('pseudonym_key_next')) -%}
            {{ clientele.refuse(
                'There is no next key. Set CLIENTELE_PSEUDONYM_KEY_NEW and run clientele redshift-key --next first.'
            ) }}
        {%- endif -%}
        {%- do run_query('drop table if exists clientele_rotated') -%}
        {%- do run_query(
            'create temporary table clientele_rotated as select user_sk, user_key, '
            ~ clientele.hex_to_integer('new_user_key') ~ ' as new_user_sk, new_user_key from (select user_sk, user_key, '
            ~ clientele.redshift__user_key('cast(user_id as varchar(256))', 'pseudonym_key_next') ~ ' as new_user_key from '
            ~ clientele.register('user_keys') ~ ') as keyed'
        ) -%}
        {%- set tables = clientele.redshift__tables_with_pseudonyms() -%}
        {%- for table, columns in tables.items() -%}
            {{ clientele._redshift__require_known_users(table, columns) }}
        {%- endfor -%}
        {%- set n_customers = run_query('select count(*) from clientele_rotated').columns[0].values()[0] -%}
        {%- set number = clientele.begin_request('rotate', n_customers) -%}
        {%- do run_query('begin') -%}
        {%- for table, columns in tables.items() -%}
            {%- do run_query(clientele._redshift__with_new_pseudonyms(table, columns)) -%}
        {%- endfor -%}
        {%- do run_query('update ' ~ clientele.built('core', 'key_epoch') ~ ' set key_epoch = key_epoch + 1') -%}
        {%- do run_query(
            'update ' ~ ring ~ ' set key_epoch = key_epoch + 1, sealed = ' ~ clientele.redshift__new_key_ring('pseudonym_key_next')
        ) -%}
        {%- do run_query('delete from vault.pseudonym_key') -%}
        {%- do run_query('insert into vault.pseudonym_key select * from vault.pseudonym_key_next') -%}
        {%- do run_query('drop table vault.pseudonym_key_next') -%}
        {%- do clientele.finish_request(number, 'rotate') -%}
        {%- do run_query('commit') -%}
        {%- do clientele.release_build_lock() -%}
        {{ print('rotated: destroy the old key. What was unloaded to publish_to before has the old pseudonyms') }}
    {%- endif -%}
{% endmacro %}


{% macro _redshift__user_column(columns) %}
    {{ return('user_sk' if 'user_sk' in columns else 'user_key' if 'user_key' in columns) }}
{% endmacro %}


{% macro _redshift__require_known_users(table, columns) %}
    {#- Ends a rotation, which has changed nothing yet, when a row is about nobody that the vault knows. -#}
    {%- set user = clientele._redshift__user_column(columns) -%}
    {%- if user and run_query(
        'select count(*) from ' ~ table ~ ' where ' ~ user ~ ' not in (select ' ~ user ~ ' from clientele_rotated)'
        ~ (' and user_sk != ' ~ clientele.stranger() if user == 'user_sk')
    ).columns[0].values()[0] > 0 -%}
        {{ clientele.refuse(
            table ~ ' holds a user whom vault.user_keys does not know; nothing was changed. Build once and try again.'
        ) }}
    {%- endif -%}
{% endmacro %}


{% macro _redshift__with_new_pseudonyms(table, columns) %}
    {#- The statement that gives each row of a table its new pseudonyms. The change of the mask is an expression and no value:
        statements are logged. -#}
    {%- set mask_change = clientele.redshift__masked(
        clientele.redshift__key_material('session_mask', 'pseudonym_key_next'),
        '1152921504606846976 - ' ~ clientele.redshift__key_material('session_mask')
    ) -%}
    {%- set new = [] -%}
    {%- for column in columns -%}
        {%- do new.append(
            column ~ ' = ' ~ (
                'case when session_sk = 0 then 0 else ' ~ clientele.redshift__masked('session_sk', mask_change) ~ ' end'
                if column == 'session_sk' else 'rotated.new_' ~ column
            )
        ) -%}
    {%- endfor -%}
    {%- set user = clientele._redshift__user_column(columns) -%}
    {{ return(
        'update ' ~ table ~ ' set ' ~ new | join(', ')
        ~ (' from clientele_rotated as rotated where ' ~ table.split('.')[1] ~ '.' ~ user ~ ' = rotated.' ~ user if user)
    ) }}
{% endmacro %}


{% macro redshift__tables_with_pseudonyms() %}
    {#- {schema.table: its columns with a pseudonym} of every table of this project, views left out. -#}
    {%- set found = {} -%}
    {%- for row in run_query(
        "select held.table_schema, held.table_name, held.column_name from information_schema.columns as held "
        ~ "inner join information_schema.tables as listed on held.table_schema = listed.table_schema "
        ~ "and held.table_name = listed.table_name and listed.table_type = 'BASE TABLE' "
        ~ "where held.table_schema in ('vault', 'core', 'marts', 'monitor') "
        ~ "and held.column_name in ('user_sk', 'user_key', 'session_sk') "
        ~ "order by held.table_schema, held.table_name, held.column_name"
    ).rows -%}
        {%- do found.setdefault(row[0] ~ '.' ~ row[1], []).append(row[2]) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}
