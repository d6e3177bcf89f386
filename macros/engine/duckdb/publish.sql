{#- Publishing to Parquet files in a folder, changed in one step (src/clientele/runtime/publishing.py). -#}

{% macro duckdb__publish_marts(marts, tests, statements) %}
    {%- set order = {'user_features': 'user_key', 'user_segments': 'user_key'} -%}
    {%- do run_query(
        "set variable clientele_publication = (select clientele_publication_start(cast(to_json(struct_pack("
        ~ "run_id := '" ~ invocation_id ~ "', as_of := strftime(max(as_of), '%Y-%m-%d %H:%M:%S'), "
        ~ "model_version := max(model_version), "
        ~ "n_requests := (select coalesce(max(request_number), 0) from " ~ clientele.register('requests') ~ "), "
        ~ "tests := struct_pack(passed := " ~ tests['passed'] ~ ", warned := " ~ tests['warned'] ~ ")"
        ~ ")) as varchar)) from " ~ clientele.built('marts', 'user_segments') ~ ")"
    ) -%}
    {%- for mart in marts -%}
        {%- set rows = clientele.built('marts', mart) -%}
        {#- The same rows are the same file, as long as the same DuckDB writes it. -#}
        {%- set is_unchanged = run_query(
            "select clientele_publication_take_over(getvariable('clientele_publication'), '" ~ mart ~ ".parquet', ("
            ~ "select count(*) || ' ' || coalesce(sum(hash(mart)), 0) || ' ' || md5(coalesce(any_value(typeof(mart)), '') || version()) "
            ~ "from " ~ rows ~ " as mart))"
        ).columns[0].values()[0] == 'true' -%}
        {%- if not is_unchanged -%}
            {%- do run_query(
                "copy (select * from " ~ rows ~ " order by " ~ order.get(mart, 'all')
                ~ ") to (getvariable('clientele_publication') || '/" ~ mart ~ ".parquet') (" ~ clientele.published_format() ~ ")"
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do clientele.duckdb__publish_scoring(statements) -%}
    {%- set pages = run_query(
        "select clientele_report(getvariable('clientele_publication'))"
    ).columns[0].values()[0] -%}
    {%- set published = run_query(
        "select clientele_publication_finish(getvariable('clientele_publication'))"
    ).columns[0].values()[0] -%}
    {{ print('published ' ~ marts | join(', ') ~ ' to ' ~ published) }}
    {{ print('for people: ' ~ pages) }}
{% endmacro %}
