{#- Publishing: when models and tests have all passed, the marts are written to Parquet files in a new folder, and one
    rename makes it the published one. Readers never open the warehouse file and never see a mixture. -#}

{% macro publish(results) %}
    {%- if execute and flags.WHICH in ['run', 'retry'] -%}
        {{ clientele.tell_that_it_is_not_published(results, 'dbt ' ~ flags.WHICH ~ ' does not publish') }}
    {%- elif execute and flags.WHICH == 'build' -%}
        {%- set failures = results
            | selectattr('status', 'in', ['error', 'fail', 'skipped', 'runtime error', 'partial success']) | list -%}
        {%- set marts = [] -%}
        {%- for result in results if result.node.resource_type == 'model' and result.node.schema == 'marts'
            and result.node.package_name == 'clientele' -%}
            {%- do marts.append(result.node.name) -%}
        {%- endfor -%}
        {%- set all_marts = graph.nodes.values()
            | selectattr('resource_type', 'equalto', 'model') | selectattr('schema', 'equalto', 'marts')
            | selectattr('package_name', 'equalto', 'clientele') | map(attribute='name') | list -%}
        {%- if failures -%}
            {{ print(
                'not published: ' ~ failures | length
                ~ ' model(s) or test(s) failed or were skipped; an earlier publication stays'
            ) }}
        {%- elif marts | sort | list == all_marts | sort | list -%}
            {%- set why_empty = clientele.why_nobody_is_left() -%}
            {%- if why_empty -%}
                {{ print('not published: ' ~ why_empty ~ ' An earlier publication stays.') }}
            {%- else -%}
                {{ clientele.publish_marts(marts | sort, {
                    'passed': results | selectattr('status', 'equalto', 'pass') | list | length,
                    'warned': results | selectattr('status', 'equalto', 'warn') | list | length,
                }, clientele.scoring_statements(results)) }}
            {%- endif -%}
            {{ clientele.tell_about_segments() }}
        {%- else -%}
            {%- set missing = all_marts | reject('in', marts) | sort | list -%}
            {{ clientele.tell_that_it_is_not_published(
                results, missing | length ~ ' of the ' ~ all_marts | length ~ ' marts are not in this selection'
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro tell_that_it_is_not_published(results, why) %}
    {#- A run that has built a model may look as if it had done the whole. Commands of ours that run a part say
        themselves what they did. -#}
    {%- if not env_var('CLIENTELE_PART_OF', '') and results | selectattr('node.resource_type', 'equalto', 'model') | selectattr('status', 'equalto', 'success') | list -%}
        {{ print('not published: ' ~ why ~ '. A plain dbt build does the rest, tests it and publishes.') }}
    {%- endif -%}
{% endmacro %}


{% macro built(schema, identifier) %}
    {#- A table of this project, where ref() cannot be used: a hook has no place in the graph. -#}
    {{ return(api.Relation.create(database=target.database, schema=schema, identifier=identifier)) }}
{% endmacro %}


{% macro why_nobody_is_left() %}
    {#- A sentence, when no customer has features although an earlier run had some: an empty publication never takes the place of a
        full one. None otherwise. -#}
    {%- set n_customers = run_query('select count(*) from ' ~ clientele.built('marts', 'user_features')).columns[0].values()[0] | int -%}
    {%- set n_before = run_query(
        "select count(*) from " ~ clientele.run_log() ~ " where entry = 'model' and name = 'user_feature_values' and n_rows_out > 0"
    ).columns[0].values()[0] | int -%}
    {%- if n_customers > 0 or n_before == 0 -%}{{ return(none) }}{%- endif -%}
    {%- set books = run_query(
        "select coalesce(sum(n_lines), 0) as n_lines, coalesce(sum(n_loaded), 0) as n_loaded, coalesce(sum(n_quarantined), 0) as n_quarantined, "
        ~ "coalesce(sum(n_expired), 0) as n_expired from " ~ clientele.built('monitor', 'reconciliation')
    ).rows[0] -%}
    {%- set sessions = run_query(
        "select count(*) as n_sessions, coalesce(sum(case when is_bot then 1 else 0 end), 0) as n_bots from "
        ~ clientele.built('core', 'user_sessions')
    ).rows[0] -%}
    {%- set counts = 'no customer is left: of {:,} lines {:,} are events, {:,} are quarantined, {:,} have expired'.format(
        books['n_lines'] | int, books['n_loaded'] | int, books['n_quarantined'] | int, books['n_expired'] | int
    ) -%}
    {%- if sessions['n_sessions'] | int > 0 and sessions['n_sessions'] == sessions['n_bots'] -%}
        {{ return(counts ~ ', and all {:,} sessions count as those of bots (the vars bot_session_events, bot_events_per_second and bot_rate_min_events).'.format(
            sessions['n_sessions'] | int
        )) }}
    {%- elif books['n_quarantined'] | int > books['n_expired'] | int -%}
        {{ return(counts ~ ' (vault.quarantined_lines says why; of old data the var earliest_event_date).') }}
    {%- else -%}
        {{ return(counts ~ ' (the vars events_retention_months and as_of).') }}
    {%- endif -%}
{% endmacro %}


{% macro tell_about_segments() %}
    {#- The end of a build in sentences: what was left out of the files, and what the personas rest on. -#}
    {%- set books = run_query(
        "select coalesce(sum(n_lines), 0) as n_lines, coalesce(sum(n_loaded), 0) as n_loaded, "
        ~ "coalesce(sum(n_duplicates), 0) as n_duplicates, coalesce(sum(n_quarantined), 0) as n_quarantined, "
        ~ "coalesce(sum(n_refunds), 0) as n_refunds from " ~ clientele.built('monitor', 'reconciliation')
    ).rows[0] -%}
    {{ print(
        '{:,} lines: {:,} events, {:,} duplicates, {}{:,} quarantined (vault.quarantined_lines says why)'.format(
            books['n_lines'] | int, books['n_loaded'] | int, books['n_duplicates'] | int,
            '{:,} refunds, '.format(books['n_refunds'] | int) if books['n_refunds'] | int > 0 else '', books['n_quarantined'] | int
        )
    ) }}
    {{ clientele.tell_about_bots() }}
    {%- for fit in run_query(
        "select model_version, model_status, reason, n_segments, coalesce(sentence, '') as sentence, is_champion from "
        ~ clientele.built('core', 'segment_models') ~ " order by fit_number desc limit 1"
    ).rows -%}
        {{ print(
            'personas: ' ~ fit['n_segments'] | int ~ ', model ' ~ fit['model_version'] ~ ' ('
            ~ fit['model_status'] | replace('_', ' ') ~ '). ' ~ fit['reason']
            ~ ('' if fit['sentence'] in ['', fit['reason']] else ' ' ~ fit['sentence'])
        ) }}
        {%- if fit['n_segments'] | int > 0 and not fit['is_champion'] -%}
            {{ print('it does not score: another model does (core.segment_models; seeds/segment_decisions.csv can promote it)') }}
        {%- endif -%}
    {%- endfor -%}
    {%- set history = run_query(
        "select " ~ dbt.datediff('first_date', 'last_date', 'day') ~ " + 1 as n_days from "
        ~ clientele.built('core', 'as_of')
    ).columns[0].values()[0] | int -%}
    {%- if history < 60 -%}
        {{ print(
            'history: ' ~ history ~ ' day(s), too short for an outcome month (60 days): '
            ~ 'nothing tells yet how well personas foresee behaviour'
        ) }}
    {%- endif -%}
{% endmacro %}


{% macro tell_about_bots() %}
    {#- How many sessions and customers nothing that describes customers knows of. -#}
    {%- set bots = run_query(
        "select coalesce(sum(n_bot_sessions), 0) as n_sessions, coalesce(sum(case when n_bot_sessions > 0 then 1 else 0 end), 0) "
        ~ "as n_customers, coalesce(sum(case when n_bot_sessions = n_sessions then 1 else 0 end), 0) as n_nothing_else from "
        ~ "(select user_sk, count(*) as n_sessions, sum(case when is_bot then 1 else 0 end) as n_bot_sessions from "
        ~ clientele.built('core', 'user_sessions') ~ " group by user_sk) as customers"
    ).rows[0] -%}
    {{ print(
        'bots: {:,} session(s) of {:,} customer(s) set aside, {:,} of whom have no other session'.format(
            bots['n_sessions'] | int, bots['n_customers'] | int, bots['n_nothing_else'] | int
        )
        if bots['n_sessions'] | int > 0 else 'bots: no session looks like one'
    ) }}
{% endmacro %}


{% macro published_format() %}
    {#- The first level of zstd: a quarter less work than the default one, for files that are a hundredth larger. -#}
    {{ return('format parquet, compression zstd, compression_level 1') }}
{% endmacro %}


{% macro publish_marts(marts, tests, statements) %}
    {{ return(adapter.dispatch('publish_marts', 'clientele')(marts, tests, statements)) }}
{% endmacro %}
