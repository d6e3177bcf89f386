{#- One warehouse, one key: what is asked before a build reads anything. -#}

{% macro pseudonym_key_problem() %}
    {{ return(adapter.dispatch('pseudonym_key_problem', 'clientele')()) }}
{% endmacro %}


{% macro require_pseudonym_key() %}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry'] -%}
        {%- set problem = clientele.pseudonym_key_problem() -%}
        {%- if problem -%}{{ clientele.refuse(problem) }}{%- endif -%}
        {{ clientele.require_same_key() }}
    {%- endif -%}
{% endmacro %}


{% macro require_key_of_ring() %}
    {#- With another key than that of the vault's ring nobody would be found, and a request of a customer be reported done. -#}
    {%- set problem = clientele.pseudonym_key_problem() -%}
    {%- if problem -%}{{ clientele.refuse(problem) }}{%- endif -%}
    {%- set ring = clientele.register('key_ring') -%}
    {%- if run_query('select count(*) from ' ~ ring ~ ' where not (' ~ clientele.key_ring_opens('sealed') ~ ')').columns[0].values()[0] > 0 -%}
        {{ clientele.refuse(
            'CLIENTELE_PSEUDONYM_KEY is not the key that this warehouse was built with: every customer would get a new '
            ~ 'pseudonym. Set the key of this warehouse; to change it, use make rotate-key.'
        ) }}
    {%- endif -%}
{% endmacro %}


{% macro require_same_key() %}
    {#- One warehouse, one key: with another one, known customers would come back as strangers and erased ones from the
        dead. The ring in the vault opens with its own key only, also for a full refresh; the epoch beside core tells
        that a database file of another epoch was put back. -#}
    {%- do clientele.create_registers() -%}
    {{ clientele.refuse_stopped_requests() }}
    {%- set ring = clientele.register('key_ring') -%}
    {%- set epochs = api.Relation.create(database=target.database, schema='core', identifier='key_epoch') -%}
    {{ clientele.refuse_lost_halves() }}
    {%- if run_query('select count(*) from ' ~ ring).columns[0].values()[0] == 0 -%}
        {%- do run_query('insert into ' ~ ring ~ ' select 1, ' ~ clientele.new_key_ring()) -%}
    {%- endif -%}
    {%- if run_query('select count(*) from ' ~ epochs).columns[0].values()[0] == 0 -%}
        {%- do run_query('insert into ' ~ epochs ~ ' select key_epoch from ' ~ ring) -%}
    {%- endif -%}
    {%- do clientele.require_key_of_ring() -%}
    {%- do clientele.reseal_key_ring() -%}
    {%- if run_query('select count(*) from ' ~ ring ~ ' where key_epoch not in (select key_epoch from ' ~ epochs ~ ')').columns[0].values()[0] > 0 -%}
        {{ clientele.refuse(
            'The vault and the warehouse are of different key epochs: one of them was restored from before a key rotation. '
            ~ 'Restore both from the same moment, or remove warehouse.duckdb and build anew.'
        ) }}
    {%- endif -%}
    {{ clientele.require_both_halves() }}
{% endmacro %}
