{#- The register of requests, for the officer: what was asked when, how many customers and rows, by which run; no id. Rows
    are added and finished, never changed or deleted. Their number is also the clock that holds the two databases together:
    a vault or a warehouse that was put back from before a request is refused.
    docs/decisions/0058-requests-and-halves.md -#}

{% macro requests_done() %}
    {#- How many requests the warehouse knows of, beside what they changed in it. -#}
    {{ return(clientele.built('monitor', 'requests_done')) }}
{% endmacro %}


{% macro begin_request(kind, n_customers, noting=none) %}
    {#- Adds a request that is being carried out, and returns its number. With it goes `noting`, a statement that notes in
        the vault whom it is about: of a request on record that was stopped the next command knows them. -#}
    {{ clientele.refuse_lost_halves(kind) }}
    {{ clientele.require_both_halves() }}
    {{ clientele.next_generation() }}
    {%- set requests = clientele.register('requests') -%}
    {%- set number = (run_query('select coalesce(max(request_number), 0) from ' ~ requests).columns[0].values()[0] | int) + 1 -%}
    {%- set adding = 'insert into ' ~ requests ~ " (request_number, kind, requested_at, n_customers, run_id) values (" ~ number ~ ", '" ~ kind
        ~ "', " ~ clientele.moment_of_request() ~ ', ' ~ n_customers ~ ", '" ~ invocation_id ~ "')" -%}
    {%- do run_query('begin; ' ~ noting ~ '; ' ~ adding ~ '; commit' if noting else adding) -%}
    {{ return(number) }}
{% endmacro %}


{% macro stopped_requests() %}
    {#- Kinds of requests that were stopped and are to be finished before anything else is done with the data: until then
        tables and publications hold who is not to be in them. Who it is about stands in the vault. -#}
    {%- set kinds = run_query(
        'select distinct kind from ' ~ clientele.register('requests') ~ " where kind in ('object', 'restrict') and finished_at is null order by kind"
    ).columns['kind'].values() | list -%}
    {%- set n_erased = run_query('select count(*) from ' ~ clientele.register('erasure_requests')).columns[0].values()[0] -%}
    {{ return((['erase'] if n_erased > 0 else []) + kinds) }}
{% endmacro %}


{% macro refuse_stopped_requests() %}
    {%- for kind in clientele.stopped_requests() -%}
        {{ clientele.refuse(
            {'erase': 'An erasure', 'object': 'An objection', 'restrict': 'A restriction'}[kind] ~ ' was interrupted. Finish it first: clientele '
            ~ kind ~ ' (without a subject). Nothing was changed.'
        ) }}
    {%- endfor -%}
{% endmacro %}


{% macro finish_request(number, kind=none) %}
    {#- The warehouse first: what the vault has finished, the warehouse has to know. With a kind those requests of it that
        were stopped before are finished, too. -#}
    {%- do run_query('delete from ' ~ clientele.requests_done()) -%}
    {%- do run_query('insert into ' ~ clientele.requests_done() ~ ' values (' ~ number ~ ')') -%}
    {%- do run_query(
        'update ' ~ clientele.register('requests') ~ ' set finished_at = ' ~ clientele.moment_of_request()
        ~ ' where request_number = ' ~ number ~ (" or (kind = '" ~ kind ~ "' and finished_at is null)" if kind)
    ) -%}
{% endmacro %}


{% macro finished_in_new_files(kind) %}
    {#- The same for a request that ends with new database files in the place of the old ones: expressions by table and
        column, as _rewrite_databases takes them. A request of this kind that was stopped before is finished with it. -#}
    {{ return({
        'monitor.requests_done': {'n_requests': '(select max(request_number) from ' ~ clientele.register('requests') ~ ')'},
        'vault.requests': {
            'finished_at': "case when kind = '" ~ kind ~ "' and finished_at is null then " ~ clientele.moment_of_request() ~ ' else finished_at end',
        },
    }) }}
{% endmacro %}


{% macro moment_of_request() %}
    {{ return("cast('" ~ modules.datetime.datetime.now(modules.pytz.utc).strftime('%Y-%m-%d %H:%M:%S') ~ "' as timestamp)") }}
{% endmacro %}


{% macro refuse_lost_halves(kind=none) %}
    {#- Ends what was begun when the vault or the warehouse is empty beside the other. A build makes a warehouse anew from the
        files; a request (of this kind) would find nobody there, and be reported done. One that was stopped builds wait for, so
        it is finished in the vault alone. -#}
    {%- set ring, epochs = clientele.register('key_ring'), clientele.built('core', 'key_epoch') -%}
    {%- set has_ring = run_query('select count(*) from ' ~ ring).columns[0].values()[0] > 0 -%}
    {%- set has_epoch = run_query('select count(*) from ' ~ epochs).columns[0].values()[0] > 0 -%}
    {%- if has_epoch and not has_ring -%}
        {{ clientele.refuse(
            'The vault is lost, or another one: the warehouse has a key epoch, and this vault has no key. Who was erased or has objected '
            ~ 'would come back. Restore the vault. If it is lost, remove the warehouse and its publications, build anew, '
            ~ 'and carry out all erasures and objections again.'
        ) }}
    {%- endif -%}
    {#- each is asked only where those before it hold: a build asks nothing -#}
    {%- set users = clientele.register('user_keys') -%}
    {%- if flags.WHICH == 'run-operation' and not clientele.is_there(clientele.built('core', 'events')) and clientele.is_there(users)
        and run_query('select count(*) from ' ~ users).columns[0].values()[0] > 0 and kind not in clientele.stopped_requests() -%}
        {{ clientele.refuse(
            'The warehouse is lost, or its first build was stopped: the vault knows customers, and core has no event of anybody. Restore '
            ~ 'it from the moment of the vault, or build anew, and try again. Nothing was changed.'
        ) }}
    {%- endif -%}
{% endmacro %}


{% macro require_both_halves() %}
    {#- Ends what was begun when the vault and the warehouse are not of the same moment. A request that was stopped may be
        in the vault alone: carrying it out again is harmless. -#}
    {%- set vault = run_query(
        'select coalesce(max(request_number), 0) as newest, coalesce(max(case when finished_at is not null then request_number end), 0) '
        ~ 'as finished from ' ~ clientele.register('requests')
    ).rows[0] -%}
    {%- set held = run_query('select max(n_requests) from ' ~ clientele.requests_done()).columns[0].values()[0] -%}
    {%- if held is none -%}
        {#- a new warehouse beside this vault, which is the way out of the refusals below -#}
        {%- do run_query('insert into ' ~ clientele.requests_done() ~ ' values (' ~ vault['newest'] ~ ')') -%}
    {%- elif held > vault['newest'] -%}
        {{ clientele.refuse(
            'The vault is older than the warehouse: it knows of ' ~ vault['newest'] ~ ' request(s) of customers, the warehouse of ' ~ held
            ~ '. Who has been erased or has objected since would come back. Restore the vault of the same moment as the warehouse. If it is '
            ~ 'lost, remove warehouse.duckdb, build anew, and carry out the later requests again. Nothing was changed.'
        ) }}
    {%- elif held < vault['finished'] -%}
        {{ clientele.refuse(
            'The warehouse is older than the vault: it knows of ' ~ held ~ ' request(s) of customers, the vault of ' ~ vault['finished']
            ~ '. It may hold customers who have been erased since. Restore the warehouse of the same moment as the vault, or remove '
            ~ 'warehouse.duckdb and the folder publications, and build anew. Nothing was changed.'
        ) }}
    {%- endif -%}
{% endmacro %}
