{#- A row of the vault, where there is no file to lock. -#}

{% macro default__take_build_lock(what) %}
    {#- The table is locked while the row is written, so of two that begin at once one finds the row of the other. A run that
        was killed leaves its row, which counts for six hours. -#}
    {%- set lock = clientele.register('build_lock') -%}
    {%- do adapter.create_schema(lock.without_identifier()) -%}
    {%- do clientele.create_if_missing(lock, {'holder': 'varchar(64)', 'what': 'varchar(64)', 'expires_at': 'timestamp'}) -%}
    {%- set now = modules.datetime.datetime.now(modules.pytz.utc) -%}
    {%- set moment = '%Y-%m-%d %H:%M:%S' -%}
    {%- set expires_at = (now + modules.datetime.timedelta(hours=6)).strftime(moment) -%}
    {%- do run_query(
        "begin; lock table " ~ lock ~ "; delete from " ~ lock ~ " where expires_at < cast('" ~ now.strftime(moment) ~ "' as timestamp); "
        ~ "insert into " ~ lock ~ " select '" ~ invocation_id ~ "', '" ~ what ~ "', cast('" ~ expires_at ~ "' as timestamp) "
        ~ "where (select count(*) from " ~ lock ~ ") = 0; commit"
    ) -%}
    {%- set holder = run_query('select holder, what, expires_at from ' ~ lock).rows[0] -%}
    {%- if holder['holder'] != invocation_id -%}
        {{ clientele.refuse(
            'The warehouse is in use by another run (' ~ holder['what'] ~ ', ' ~ holder['holder'] ~ '). Nothing was changed. Try again when it '
            ~ 'has ended. If it was killed, delete its row from ' ~ lock ~ ', which counts until ' ~ holder['expires_at'] ~ ' UTC.'
        ) }}
    {%- endif -%}
{% endmacro %}


{% macro default__release_build_lock() %}
    {%- set lock = clientele.register('build_lock') -%}
    {#- a refusal may come before there is a lock -#}
    {%- if clientele.is_there(lock) -%}
        {%- do run_query("delete from " ~ lock ~ " where holder = '" ~ invocation_id ~ "'") -%}
    {%- endif -%}
{% endmacro %}
