{#- Only models of the vault may read key material. Checked twice: at the start of a build over what everybody has
    written, and before each model outside the vault over what has become of it, macros of macros included. It stops
    mistakes. Somebody who hides a name on purpose is stopped by review, and the tests search what a build leaves. -#}

{% macro check_key_readers() %}
    {#- on-run-start: ends the build, before it reads anything, when something outside the vault asks for key material. -#}
    {%- if execute -%}
        {%- for node in graph.nodes.values() | sort(attribute='unique_id')
            if node.schema != 'vault' and node.resource_type != 'operation' -%}
            {{ clientele._refuse_key_reader(node, modules.re.sub('(?s)[{]#.*?#[}]', '', node.raw_code or '')) }}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}


{% macro check_compiled_key_reader() %}
    {#- pre-hook: the same for everything outside the vault, over the text that is about to run. -#}
    {%- if execute and model.schema != 'vault' -%}{{ clientele._refuse_key_reader(model, compiled_code or '') }}{%- endif -%}
{% endmacro %}


{% macro key_reading(text) %}
    {#- The first words of a text that reach for key material, or nothing. -#}
    {%- set found = modules.re.search(
        '(?i)getvariable|duckdb_variables|pseudonym_key|env_var|getenv|[^a-z_]environ[^a-z_]'
        ~ '|clientele[.]privacy[.]keys|clientele[.]privacy import .*keys|[.](user_key|session_sk|erased_hash|experiment_draw) *[(]|clientele_[a-z_]*ring'
        ~ '|clientele_next_user_key|clientele_mask_change|clientele_subjects|[^a-z_](read|parquet)_[a-z_]+ *[(]|[^a-z_](glob|sniff_csv) *[(]'
        ~ "|[^a-z_](from|join|attach|copy) +'[^' ]*[./]|[^a-z_]popen|os[.]system"
        ~ '|subprocess|vault[.]vault',
        text
    ) -%}
    {{ return(found.group(0) | trim if found else none) }}
{% endmacro %}


{% macro _refuse_key_reader(node, text) %}
    {%- set words = clientele.key_reading(text) -%}
    {%- if words -%}
        {{ clientele.refuse(
            node.resource_type ~ " '" ~ node.name ~ "' (" ~ node.original_file_path ~ ") reads key material or the environment: '"
            ~ words ~ "'. Only models of the vault may. Take user_key and user_sk from core.users, session_sk from core.events."
        ) }}
    {%- endif -%}
{% endmacro %}
