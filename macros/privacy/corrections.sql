{#- Correction (Art. 16). What is held comes from the files: lines are put right in copies of them, which take the place of
    the files in the lake, and the next build replaces their rows. docs/decisions/0077-a-correction-is-a-mended-file.md -#}

{% macro rectify_subject() %}
    {#- dbt run-operation, called by clientele rectify: mends lines of the customer named by the environment, in copies of
        their files. CLIENTELE_CORRECTIONS says which lines, CLIENTELE_MENDED_FOLDER where the copies go. -#}
    {%- if execute -%}
        {%- do clientele._require_warehouse() -%}
        {%- do clientele.create_registers() -%}
        {%- do clientele.take_build_lock('rectify') -%}
        {%- if clientele._begin_with_subjects(clientele.named_subjects()) != 1 -%}
            {{ clientele.refuse('rectify_subject: name one customer in CLIENTELE_SUBJECT; a correction is for one person.') }}
        {%- endif -%}
        {%- set n_lines = clientele.mended_lines() -%}
        {%- set number = clientele.begin_request('rectify', 1) -%}
        {%- do run_query('update ' ~ clientele.register('requests') ~ ' set n_rows = ' ~ n_lines ~ ' where request_number = ' ~ number) -%}
        {{ clientele._end_request(number) }}
        {{ print(n_lines ~ ' line(s) corrected: put the mended files in the place of those in the lake and build, which replaces their rows') }}
        {%- set duplicates = clientele.built('core', 'duplicate_events') -%}
        {%- if clientele.is_there(duplicates) -%}
            {%- set n_copies = run_query('select count(*) from ' ~ duplicates ~ ' where user_sk in (select user_sk from clientele_subjects)').columns[0].values()[0] -%}
            {%- if n_copies > 0 -%}
                {{ print(n_copies ~ ' event(s) of this customer came more than once (core.duplicate_events): where a wrong one is among them, correct each copy, or it comes back') }}
            {%- endif -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro mended_lines() %}
    {#- Mends the files, and returns how many lines were corrected; refused corrections end the operation. -#}
    {{ return(adapter.dispatch('mended_lines', 'clientele')()) }}
{% endmacro %}
