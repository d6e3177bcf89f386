{#- Rights: who is meant comes from the environment, and files are rewritten without the deleted bytes. -#}

{% macro duckdb__named_subjects() -%}
    {%- set kind = clientele.held_id_kind() -%}
    {%- set problem = run_query("select clientele_subjects_problem('" ~ kind ~ "', " ~ (clientele._held_id_type() is not none) ~ ')').columns[0].values()[0] -%}
    {%- if problem -%}{{ clientele.refuse(problem) }}{%- endif -%}
    (select unnest(cast(json(clientele_subjects('{{ kind }}')) as {{ clientele.id_type(kind) }}[])) as user_id)
{%- endmacro %}


{% macro _publish_without_subjects() %}
    {#- The kept publications. Audiences that were exported beside them follow when the new files take their place
        (clientele.runtime.rewriting). -#}
    {%- do clientele._republish("select published.* from published where user_key not in (select user_key from clientele_subjects)") -%}
{% endmacro %}


{% macro duckdb__withdraw_publications() %}
    {%- do clientele._publish_without_subjects() -%}
    {%- do run_query('select clientele_rewrite_finish()') -%}
{% endmacro %}


{% macro duckdb__require_rewritable() %}
    {%- set names = run_query(
        "select distinct schema_name || '.' || table_name as name from duckdb_constraints() where constraint_type = 'FOREIGN KEY' "
        ~ "and database_name in ('" ~ target.database ~ "', '" ~ clientele.vault_database() ~ "') order by 1"
    ).columns[0].values() -%}
    {%- if names -%}
        {{ clientele.refuse(
            'The warehouse holds tables with a foreign key: ' ~ names[:5] | join(', ') ~ (' and others' if names | length > 5) ~ '. What removes '
            ~ 'somebody writes the database anew, table by table, which such a key may forbid. Make these tables without the key, or in a '
            ~ 'database of their own. Nothing was changed.'
        ) }}
    {%- endif -%}
{% endmacro %}


{% macro duckdb__finish_erasure() %}
    {%- do clientele._publish_without_subjects() -%}
    {%- do clientele._rewrite_databases(clientele.finished_in_new_files('erase'), emptied=['vault.erasure_requests', 'vault.erasure_counts']) -%}
    {{ print('what is counted per day, product or persona leaves them out from the next build on') }}
{% endmacro %}


{% macro duckdb__rotate_key() %}
    {%- if execute -%}
        {%- do clientele._require_warehouse() -%}
        {%- do clientele.require_same_key() -%}
        {%- set problem = run_query('select clientele_next_key_problem()').columns[0].values()[0] -%}
        {%- if problem -%}{{ clientele.refuse(problem) }}{%- endif -%}
        {%- do clientele.require_rewritable() -%}
        {%- set n_customers = run_query('select count(*) from ' ~ clientele.register('user_keys')).columns[0].values()[0] -%}
        {%- do clientele.begin_request('rotate', n_customers) -%}
        {%- set ring = clientele.register('key_ring') -%}
        {%- do run_query(
            'create or replace temporary table clientele_rotated as '
            ~ 'select user_sk, user_key, ' ~ clientele.hex_to_integer('new_user_key') ~ ' as new_user_sk, new_user_key from ('
            ~ 'select user_sk, user_key, clientele_next_user_key(cast(user_id as varchar)) as new_user_key from '
            ~ clientele.register('user_keys') ~ ') as keyed'
        ) -%}
        {%- do run_query('set variable clientele_rotated_ring = (select clientele_rotated_ring(sealed) from ' ~ ring ~ ')') -%}
        {%- do run_query(
            'set variable clientele_mask_change = (select cast(clientele_mask_change(sealed, getvariable(\'clientele_rotated_ring\')) as bigint) from '
            ~ ring ~ ')'
        ) -%}
        {%- do clientele._republish(
            'select published.* replace (rotated.new_user_key as user_key) from published '
            ~ 'inner join clientele_rotated as rotated on published.user_key = rotated.user_key'
        ) -%}
        {%- set epoch = {'key_epoch': 'key_epoch + 1'} -%}
        {%- set new_ring = dict(epoch, sealed="getvariable('clientele_rotated_ring')") -%}
        {%- set of_tables = dict(clientele.finished_in_new_files('rotate'), **{'core.key_epoch': epoch, 'vault.key_ring': new_ring}) -%}
        {%- do clientele._rewrite_databases(of_tables, pseudonyms={
            'user_sk': 'case when held.user_sk = ' ~ clientele.stranger() ~ ' then held.user_sk else '
                ~ '(select rotated.new_user_sk from clientele_rotated as rotated where rotated.user_sk = held.user_sk) end',
            'user_key': '(select rotated.new_user_key from clientele_rotated as rotated where rotated.user_key = held.user_key)',
            'session_sk': "case when session_sk = 0 then 0 else xor(session_sk, getvariable('clientele_mask_change')) end",
        }) -%}
        {{ print('rotated: use the new key as CLIENTELE_PSEUDONYM_KEY from now on, and destroy the old one') }}
    {%- endif -%}
{% endmacro %}


{% macro duckdb__mended_lines() %}
    {%- set mended = fromjson(run_query(
        "select clientele_mended('" ~ clientele.held_id_kind() ~ "', " ~ clientele.delimiter() ~ ", (select cast(to_json(list(struct_pack("
        ~ 'file_name, file_path, file_format, file_compression, column_positions, n_columns))) as varchar) from ' ~ clientele.register('event_files')
        ~ " where status = 'accepted'))"
    ).columns[0].values()[0]) -%}
    {%- if mended['problem'] is defined -%}
        {{ clientele.refuse('rectify_subject: ' ~ mended['problem'] ~ '. Nothing was changed.') }}
    {%- endif -%}
    {{ return(mended['lines']) }}
{% endmacro %}
