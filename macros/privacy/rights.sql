{#- The rights of a customer: erasure, a copy of what is held, objection to profiling; and the registers that keep them,
    which are tables of the vault and no models, because no build may make them anew. Customers are named by the
    environment (CLIENTELE_SUBJECT, CLIENTELE_SUBJECTS_FILE), never in a command's text: dbt logs that.
    docs/decisions/0014-erasure.md -#}

{% macro registers() %}
    {#- Tables of the vault that outlive every build, with their columns. -#}
    {%- set id_type = clientele.id_type(clientele.held_id_kind()) -%}
    {{ return({
        'requests': {
            'request_number': 'bigint', 'kind': 'varchar(32)', 'requested_at': 'timestamp', 'finished_at': 'timestamp',
            'n_customers': 'bigint', 'n_rows': 'bigint', 'run_id': 'varchar(64)',
        },
        'key_ring': {'key_epoch': 'integer', 'sealed': 'varchar(2048)'},
        'tombstones': {'erased_hash': 'varchar(32)'},
        'erased_lines': {'erased_hash': 'varchar(32)'},
        'erased_sessions': {'session_sk': 'bigint'},
        'shared_sessions': {'session_sk': 'bigint'},
        'objections': {'user_id': id_type},
        'restrictions': {'user_id': id_type},
        'named_subjects': {'user_id': id_type, 'named_as': 'varchar(64)'},
        'erasure_requests': {'user_id': id_type},
        'destination_ledger': {
            'destination': 'varchar(64)', 'audience': 'varchar(64)', 'member_key': 'varchar(32)', 'standing': 'varchar(16)',
            'export_number': 'bigint',
        },
        'exports': {
            'export_number': 'bigint', 'destination': 'varchar(64)', 'audience': 'varchar(64)', 'purpose': 'varchar(512)',
            'status': 'varchar(16)', 'reason': 'varchar(1024)', 'as_of_date': 'date', 'started_at': 'timestamp',
            'ended_at': 'timestamp', 'n_added': 'bigint', 'n_removed': 'bigint', 'n_members': 'bigint',
        },
        'erasure_counts': dict({'file_id': 'bigint', 'event_date': 'date', 'n_lines': 'bigint'}, **clientele._kinds_of_lines('bigint')),
    }) }}
{% endmacro %}


{% macro _kinds_of_lines(value=none) %}
    {#- Columns of vault.file_days that count lines of a kind: {column: event type}, or each with this value. -#}
    {%- set kinds = dict(clientele.counts_of_kinds(), n_refund_lines='refund') -%}
    {%- for column in kinds if value -%}{%- do kinds.update({column: value}) -%}{%- endfor -%}
    {{ return(kinds) }}
{% endmacro %}


{% macro register(name) %}
    {{ return(api.Relation.create(database=clientele.vault_database(), schema='vault', identifier=name)) }}
{% endmacro %}


{% macro held_id_kind() %}
    {#- integer or text: of which kind the raw ids in the vault are. The first load fixed it; a request is made without the
        vars of a build. The var says it where nothing is held; but a request does not turn the texts of earlier ones into
        numbers, which only a load may decide. -#}
    {%- set held = clientele._held_id_type() -%}
    {%- if held is none -%}
        {{ return('text' if flags.WHICH == 'run-operation' and clientele._asked_as_texts() else clientele.id_kind('user')) }}
    {%- endif -%}
    {{ return('integer' if held == 'bigint' else 'text') }}
{% endmacro %}


{% macro _held_id_type() %}
    {#- The type of the raw ids in the vault, none before the first load. -#}
    {%- set found = run_query(
        "select lower(data_type) from information_schema.columns where table_schema = 'vault' and table_name = 'user_keys' "
        ~ "and column_name = 'user_id'"
    ) -%}
    {{ return(found.rows[0][0] if found is not none and found.rows | length > 0 else none) }}
{% endmacro %}


{% macro _asked_as_texts() %}
    {%- for row in clientele._types_of_register_ids(['objections', 'restrictions']) if row['data_type'] != 'bigint' -%}
        {%- if run_query('select count(*) from ' ~ clientele.register(row['table_name'])).columns[0].values()[0] > 0 -%}{{ return(true) }}{%- endif -%}
    {%- endfor -%}
    {{ return(false) }}
{% endmacro %}


{% macro _types_of_register_ids(names) %}
    {{ return(run_query(
        "select table_name, lower(data_type) as data_type from information_schema.columns where table_schema = 'vault' "
        ~ "and column_name = 'user_id' and table_name in ('" ~ names | join("', '") ~ "')"
    ).rows) }}
{% endmacro %}


{% macro registers_of_other_kind() %}
    {#- Names of registers whose user_id is not of the kind that the vault holds. -#}
    {%- set registers, found = clientele.registers(), [] -%}
    {%- for row in clientele._types_of_register_ids(registers | list)
        if (row['data_type'] == 'bigint') != (registers[row['table_name']]['user_id'] == 'bigint') -%}
        {%- do found.append(row['table_name']) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}


{% macro create_registers() %}
    {%- do adapter.create_schema(clientele.register('tombstones').without_identifier()) -%}
    {%- do adapter.create_schema(clientele.built('core', 'key_epoch').without_identifier()) -%}
    {%- do clientele.create_if_missing(clientele.built('core', 'key_epoch'), {'key_epoch': 'integer'}) -%}
    {%- do adapter.create_schema(clientele.requests_done().without_identifier()) -%}
    {%- do clientele.create_if_missing(clientele.requests_done(), {'n_requests': 'bigint'}) -%}
    {%- set registers = clientele.registers() -%}
    {%- set of_other_kind = clientele.registers_of_other_kind() -%}
    {%- for name in of_other_kind -%}{%- do clientele._require_ids_of_kind(name) -%}{%- endfor -%}
    {%- for name in of_other_kind -%}{%- do clientele._carry_register_over(name, registers[name]) -%}{%- endfor -%}
    {%- for name, columns in registers.items() -%}
        {%- do clientele.create_if_missing(clientele.register(name), columns) -%}
    {%- endfor -%}
{% endmacro %}


{% macro _as_held_kind() %}
    {#- user_id of a register of the other kind, as the warehouse keeps ids; NULL when it cannot. A number is a text; a text
        is a number in its plain spelling alone, as of texts 007 and 7 are two customers. -#}
    {%- set number = clientele.normal_id('user_id', 'integer') -%}
    {{ return(
        'case when cast(' ~ number ~ ' as varchar(256)) = user_id then ' ~ number ~ ' end'
        if clientele.held_id_kind() == 'integer' else 'cast(user_id as varchar(256))'
    ) }}
{% endmacro %}


{% macro _require_ids_of_kind(name) %}
    {#- A text that is no number cannot become one, and what was asked is not forgotten for that. -#}
    {%- set n_stuck = run_query(
        'select count(*) from ' ~ clientele.register(name) ~ ' where ' ~ clientele._as_held_kind() ~ ' is null'
    ).columns[0].values()[0] -%}
    {%- if n_stuck > 0 -%}
        {{ clientele.refuse(
            'vault.' ~ name ~ ' holds ' ~ n_stuck ~ ' id(s) that are no plain numbers, as they were noted with user_id_kind: text, and now '
            ~ 'user_id_kind is integer. Set it to text; or take these requests back first (clientele withdraw-objection, unrestrict).'
        ) }}
    {%- endif -%}
{% endmacro %}


{% macro _carry_register_over(name, columns) %}
    {#- Registers of a vault that nothing was loaded into take the kind of ids that the first load has, with all that was asked
        before it. -#}
    {%- set register, carried = clientele.register(name), clientele.register(name ~ '_carried') -%}
    {%- set others = columns | reject('equalto', 'user_id') | list -%}
    {%- do run_query('drop table if exists ' ~ carried) -%}
    {%- do clientele.create_if_missing(carried, columns) -%}
    {%- do run_query(
        'begin; insert into ' ~ carried ~ ' (' ~ (['user_id'] + others) | join(', ') ~ ') select distinct '
        ~ ([clientele._as_held_kind()] + others) | join(', ') ~ ' from ' ~ register ~ '; drop table ' ~ register
        ~ '; alter table ' ~ carried ~ ' rename to ' ~ name ~ '; commit'
    ) -%}
{% endmacro %}


{% macro tombstone(user_id) -%}
    {#- The hash of a user by which a tombstone is found; nothing, and no work, while there is no tombstone. -#}
    case
        when (select count(*) from {{ clientele.register('tombstones') }}) > 0
            then {{ clientele.erased_hash('cast(' ~ user_id ~ ' as varchar(256))') }}
    end
{%- endmacro %}


{% macro erased_among(lines) %}
    {#- user_id of erased customers among faulty lines, which have no key to miss. `lines`: a CTE or relation with
        line_kind and user_id. -#}
    select hashed.user_id
    from (
        select named.user_id, {{ clientele.tombstone('named.user_id') }} as erased_hash
        from (select distinct user_id from {{ lines }} where line_kind = 'faulty' and user_id is not null) as named
    ) as hashed
    inner join {{ clientele.register('tombstones') }} as tombstones on hashed.erased_hash = tombstones.erased_hash
{% endmacro %}


{% macro unnamed_lines_of_erased(lines) %}
    {#- line_id and is_erased of faulty lines without a user: 1 where they are of erased customers, 0 where they are nobody's by
        them, nothing where no erasure concerns them. `lines`: stg_lake__lines. Erased are lines that an erasure has deleted,
        those of a session that erased customers had and nobody else, and those in a file that names erased customers alone in
        the session. A session may come again with somebody else, as at a till: in a file that names somebody living in it, and
        nobody erased, lines are the living's. No work while nobody is erased. -#}
    {%- set counts = [] -%}
    {%- for name in ['tombstones', 'erased_sessions', 'shared_sessions'] -%}
        {%- do counts.append('(select count(*) from ' ~ clientele.register(name) ~ ')') -%}
    {%- endfor -%}
    with unnamed as (
        select
            {{ clientele.line_id('lines') }} as line_id, lines.file_id, lines.session_sk,
            {{ clientele.erased_line_hash('lines.line_text') }} as erased_hash
        from {{ lines }} as lines
        where
            lines.line_kind = 'faulty' and lines.user_id is null and lines.session_sk != 0
            and {{ counts | join(' + ') }} > 0
    ),

    owners as (
        select distinct file_id, session_sk, user_id from {{ lines }}
        where user_id is not null and session_sk in (select session_sk from unnamed)
    ),

    owned as (
        select owners.file_id, owners.session_sk, {{ clientele.tombstone('owners.user_id') }} as erased_hash from owners
    ),

    named as (
        select
            owned.file_id, owned.session_sk,
            count(tombstones.erased_hash) as n_erased, count(*) - count(tombstones.erased_hash) as n_living
        from owned
        left join {{ clientele.register('tombstones') }} as tombstones on owned.erased_hash = tombstones.erased_hash
        group by owned.file_id, owned.session_sk
    )

    select
        unnamed.line_id,
        case
            when erased_lines.erased_hash is not null then 1
            when erased_sessions.session_sk is not null and (named.n_living is null or named.n_erased > 0) then 1
            when shared_sessions.session_sk is null and named.n_living = 0 then 1
            when shared_sessions.session_sk is not null or named.n_erased > 0 then 0
        end as is_erased
    from unnamed
    left join named on unnamed.file_id = named.file_id and unnamed.session_sk = named.session_sk
    left join {{ clientele.register('erased_lines') }} as erased_lines on unnamed.erased_hash = erased_lines.erased_hash
    left join {{ clientele.register('erased_sessions') }} as erased_sessions on unnamed.session_sk = erased_sessions.session_sk
    left join {{ clientele.register('shared_sessions') }} as shared_sessions on unnamed.session_sk = shared_sessions.session_sk
{% endmacro %}


{% macro erased_line_hash(text) -%}
    {#- What a faulty line without a user is known by that an erasure has deleted: all of it, however long, by its digest. -#}
    {{ clientele.erased_hash('md5(' ~ text ~ ')') }}
{%- endmacro %}


{% macro named_subjects() %}
    {#- A relation with the user_id of the customers that the environment names; refuses an id that stands for nobody. -#}
    {%- set named = adapter.dispatch('named_subjects', 'clientele')() -%}
    {%- if execute and run_query(
        'select count(*) from ' ~ named ~ ' as named where cast(user_id as varchar(256)) in (' ~ clientele.literals(clientele._sentinels()) ~ ')'
    ).columns[0].values()[0] > 0 -%}
        {{ clientele.refuse('Somebody who is named is nobody: the var sentinel_user_ids has this id. Nothing was changed.') }}
    {%- endif -%}
    {{- return(named) -}}
{% endmacro %}


{% macro _forget_named_subjects() %}
    {#- The end of each operation, under the lock: who was named for one request must not be named for the next. Who was
        named for one that has not begun has to be named again, which it says. -#}
    {%- do run_query('delete from ' ~ clientele.register('named_subjects')) -%}
{% endmacro %}


{% macro _refuse_nobody(operation) %}
    {{ clientele.refuse(
        operation ~ ': nobody is named. Set CLIENTELE_SUBJECT=<user_id>, or CLIENTELE_SUBJECTS_FILE=<path> with an id per line '
        ~ '(make: SUBJECT=… or SUBJECTS_FILE=…). On Redshift, run clientele redshift-subjects before; if a request of somebody else '
        ~ 'has ended meanwhile, ask again.'
    ) }}
{% endmacro %}


{% macro _require_named(operation) %}
    {%- if run_query('select count(*) from ' ~ clientele.named_subjects() ~ ' as named').columns[0].values()[0] == 0 -%}
        {{ clientele._refuse_nobody(operation) }}
    {%- endif -%}
{% endmacro %}


{% macro _begin_with_subjects(source) %}
    {#- The temporary tables clientele_subjects, with raw id, number and pseudonym of each customer in `source`, and
        clientele_subject_sessions. -#}
    {%- if execute -%}
        {%- do clientele.require_key_of_ring() -%}
        {%- do run_query('drop table if exists clientele_subjects') -%}
        {%- set keyed -%}
            create temporary table clientele_subjects as
            select named.user_id, {{ clientele.hex_to_integer('named.user_key') }} as user_sk, named.user_key
            from (
                select user_id, {{ clientele.user_key('cast(user_id as varchar(256))') }} as user_key
                from {{ source }} as requested
                group by user_id
            ) as named
        {%- endset -%}
        {%- do run_query(keyed) -%}
        {%- do run_query('drop table if exists clientele_subject_sessions') -%}
        {%- do run_query(
            'create temporary table clientele_subject_sessions as '
            ~ clientele.sessions_of_subjects(clientele._held_subject_models() | map(attribute='name') | list)
        ) -%}
        {{ return(run_query('select count(*) from clientele_subjects').columns[0].values()[0] | int) }}
    {%- endif -%}
{% endmacro %}


{% macro _require_warehouse() %}
    {%- if 'user_keys' not in clientele._held_subject_models() | map(attribute='name') -%}
        {{ clientele.refuse(
            'There is nothing yet in this warehouse (CLIENTELE_HOME says where it is). Build it first.'
        ) }}
    {%- endif -%}
{% endmacro %}


{% macro _held_subject_models() %}
    {#- Those of subject_models() that have been built, with the columns that they have in the database. Asks with plain
        queries: adapter.get_relation leaves a transaction open, and one transaction cannot write to both databases. -#}
    {%- set subjects = clientele.subject_models() -%}
    {%- set columns = {} -%}
    {%- for row in run_query(clientele.held_columns(subjects | map(attribute='node.schema') | unique | list)).rows -%}
        {%- do columns.setdefault(row[0] ~ '.' ~ row[1], []).append(row[2]) -%}
    {%- endfor -%}
    {%- set held = [] -%}
    {%- for subject in subjects if columns.get((subject.node.schema ~ '.' ~ subject.node.alias) | lower) -%}
        {%- for key in subject['keys'] if key not in columns[(subject.node.schema ~ '.' ~ subject.node.alias) | lower] -%}
            {{ clientele.refuse(
                subject.node.schema ~ '.' ~ subject.node.alias ~ ' is of an earlier version and has no ' ~ key
                ~ ', by which customers are found. Build once, then try again. Nothing was changed.'
            ) }}
        {%- endfor -%}
        {%- do held.append(dict(subject, columns=columns[(subject.node.schema ~ '.' ~ subject.node.alias) | lower])) -%}
    {%- endfor -%}
    {{ return(held) }}
{% endmacro %}


{% macro _is_of_subjects(keys) %}
    {#- A condition: the row is about one of clientele_subjects. `keys`: {column: kind}, as subject_models() has them. -#}
    {%- set conditions = [] -%}
    {%- for column, kind in keys.items() -%}
        {%- if kind in ['user_id', 'user_sk', 'user_key'] -%}
            {%- do conditions.append(column ~ ' in (select ' ~ kind ~ ' from clientele_subjects)') -%}
        {%- elif kind == 'session_of_nobody_else' -%}
            {%- do conditions.append(
                '(user_id is null and ' ~ column ~ ' in (select session_sk from clientele_subject_sessions where is_alone = 1))'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(conditions | join(' or ') or '1 = 0') }}
{% endmacro %}


{% macro erase_subjects() %}
    {#- dbt run-operation: erases the customers named by the environment, and finishes an erasure that was interrupted.
        Each step can be repeated: the request stays in the vault until all is done, and builds wait for it. -#}
    {%- if execute -%}
        {%- do clientele._require_warehouse() -%}
        {%- do clientele.create_registers() -%}
        {%- do clientele.refuse_lost_halves('erase') -%}
        {%- do clientele.require_key_of_ring() -%}
        {%- do clientele.require_rewritable() -%}
        {%- do clientele.take_build_lock('erase') -%}
        {#- lines that a killed build has left on Redshift: the next build takes them up anew -#}
        {%- do run_query('drop table if exists ' ~ clientele.register('lake_lines')) -%}
        {%- set requests = clientele.register('erasure_requests') -%}
        {%- if run_query('select count(*) from ' ~ requests).columns[0].values()[0] > 0 -%}
            {%- do clientele._erase_requested() -%}
        {%- endif -%}
        {%- do run_query(
            'insert into ' ~ requests ~ ' select distinct named.user_id from ' ~ clientele.named_subjects() ~ ' as named'
            ~ ' where named.user_id not in (select user_id from ' ~ requests ~ ')'
        ) -%}
        {%- if run_query('select count(*) from ' ~ requests).columns[0].values()[0] == 0 -%}
            {{ clientele._refuse_nobody('erase_subjects') }}
        {%- endif -%}
        {%- do clientele._erase_requested() -%}
        {%- do clientele.finish_erasure() -%}
        {%- do clientele.release_build_lock() -%}
    {%- endif -%}
{% endmacro %}


{% macro _mark_as_erased(names) %}
    {#- From here on no build lets them in, nor lines without a user of sessions that they alone had; such lines of sessions
        that they shared are nobody's. Who is unknown leaves no mark unless that is asked for: it would say that a request came,
        and block a customer whose id was typed wrongly. Returns of how many nothing is held. -#}
    {%- set tombstones = clientele.register('tombstones') -%}
    {%- set hashed = clientele.erased_hash('cast(user_id as varchar(256))') -%}
    {%- set known = [] -%}
    {%- for name in ['user_keys', 'quarantined_lines', 'side_lines', 'objections', 'restrictions']
        if name in names or name in clientele.registers() -%}
        {%- do known.append('user_id in (select user_id from ' ~ clientele.register(name) ~ ' where user_id is not null)') -%}
    {%- endfor -%}
    {%- set is_known = '(' ~ known | join(' or ') ~ ')' -%}
    {%- set n_unknown = run_query(
        'select count(*) from clientele_subjects where not ' ~ is_known ~ ' and ' ~ hashed ~ ' not in (select erased_hash from ' ~ tombstones ~ ')'
    ).columns[0].values()[0] -%}
    {%- do run_query(
        'insert into ' ~ tombstones ~ ' select ' ~ hashed ~ ' from clientele_subjects'
        ~ ' where ' ~ hashed ~ ' not in (select erased_hash from ' ~ tombstones ~ ')'
        ~ ('' if env_var('CLIENTELE_ERASE_UNKNOWN', '') else ' and ' ~ is_known)
    ) -%}
    {%- if 'quarantined_lines' in names -%}
        {%- set lines = clientele.register('erased_lines') -%}
        {%- set line_hash = clientele.erased_line_hash('line_text') -%}
        {%- do run_query(
            'insert into ' ~ lines ~ ' select distinct ' ~ line_hash ~ ' from ' ~ clientele.register('quarantined_lines')
            ~ ' where line_text is not null and ' ~ clientele._is_of_subjects({'session_sk': 'session_of_nobody_else'})
            ~ ' and ' ~ line_hash ~ ' not in (select erased_hash from ' ~ lines ~ ')'
        ) -%}
    {%- endif -%}
    {%- for name, is_alone in {'erased_sessions': 1, 'shared_sessions': 0}.items() -%}
        {%- set sessions = clientele.register(name) -%}
        {%- do run_query(
            'insert into ' ~ sessions ~ ' select session_sk from clientele_subject_sessions where is_alone = ' ~ is_alone
            ~ ' and session_sk not in (select session_sk from ' ~ sessions ~ ')'
        ) -%}
    {%- endfor -%}
    {%- if n_unknown > 0 -%}
        {{ print(
            'nothing is held on ' ~ n_unknown ~ ' of the customers who are named'
            ~ ('; files that bring them later are left out' if env_var('CLIENTELE_ERASE_UNKNOWN', '')
            else ', and no mark was left: clientele erase --unknown leaves one, so that no later file brings them')
        ) }}
    {%- endif -%}
    {{ return(n_unknown) }}
{% endmacro %}


{% macro _erase_requested() %}
    {%- set n_subjects = clientele._begin_with_subjects(clientele.register('erasure_requests')) -%}
    {%- set number = clientele.begin_request('erase', n_subjects) -%}
    {%- set counts = clientele.register('erasure_counts') -%}
    {%- set held = clientele._held_subject_models() -%}
    {%- set names = held | map(attribute='name') | list -%}
    {%- set is_in_core = clientele._is_of_subjects({'user_sk': 'user_sk'}) -%}

    {%- set n_unknown = clientele._mark_as_erased(names) -%}

    {#- The books, before anything goes; when an erasure is taken up again, as they were then. -#}
    {%- if run_query('select count(*) from ' ~ counts).columns[0].values()[0] == 0 -%}
        {%- set parts = [] -%}
        {%- for name, sign in {'events': '+', 'duplicate_events': '+', 'released_duplicates': '-', 'refund_lines': '+'}.items() if name in names -%}
            {%- do parts.append(
                'select file_id, cast(event_at as date) as event_date, event_type, ' ~ sign ~ '1 as n from '
                ~ clientele.built('core', name) ~ ' where ' ~ is_in_core
            ) -%}
        {%- endfor -%}
        {%- for subject in held if subject.name == 'quarantined_lines' -%}
            {%- do parts.append(
                'select file_id, cast(null as date) as event_date, cast(null as varchar(16)) as event_type, 1 as n from ' ~ subject.relation
                ~ ' where ' ~ clientele._is_of_subjects(subject['keys'])
            ) -%}
        {%- endfor -%}
        {%- if parts -%}
            {%- set sums = [] -%}
            {%- for kind in clientele._kinds_of_lines().values() -%}
                {%- do sums.append("sum(case when event_type = '" ~ kind ~ "' then n else 0 end)") -%}
            {%- endfor -%}
            {%- do run_query(
                'insert into ' ~ counts ~ ' (file_id, event_date, n_lines, ' ~ clientele._kinds_of_lines() | join(', ')
                ~ ') select file_id, event_date, sum(n), ' ~ sums | join(', ') ~ ' from (' ~ parts | join(' union all ')
                ~ ') as gone group by file_id, event_date'
            ) -%}
        {%- endif -%}
    {%- endif -%}

    {#- What is kept per day or pinned to days is built again by the next build. -#}
    {%- if 'events' in names -%}{%- do clientele._touch_days_of_subjects() -%}{%- endif -%}

    {#- Lines without a user are found by the sessions of events: they go first, for an erasure that is stopped in between. -#}
    {%- if 'quarantined_lines' in names -%}
        {%- do run_query(clientele.leave_shared_sessions(clientele.register('quarantined_lines'))) -%}
    {%- endif -%}
    {%- set ordered = held | selectattr('name', 'equalto', 'quarantined_lines') | list + held -%}
    {%- for subject in ordered if subject.node.config.materialized != 'view' -%}
        {%- set condition = clientele._is_of_subjects(subject['keys']) -%}
        {%- if subject.name == 'side_lines' -%}
            {%- do run_query(clientele.erase_side_lines(subject.relation, condition)) -%}
        {%- elif condition != '1 = 0' -%}
            {%- do run_query('delete from ' ~ subject.relation ~ ' where ' ~ condition) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name in ['objections', 'restrictions'] -%}
        {%- do run_query('delete from ' ~ clientele.register(name) ~ ' where ' ~ clientele._is_of_subjects({'user_id': 'user_id'})) -%}
    {%- endfor -%}

    {%- set n_rows = run_query('select coalesce(sum(n_lines), 0) from ' ~ counts).columns[0].values()[0] -%}
    {%- set file_days = clientele.register('file_days') -%}
    {%- set file_lines = clientele.register('file_lines') -%}
    {%- set fewer = [] -%}
    {%- for column in clientele._kinds_of_lines() if column in clientele.column_names(file_days) -%}
        {%- do fewer.append(', ' ~ column ~ ' = file_days.' ~ column ~ ' - coalesce(gone.' ~ column ~ ', 0)') -%}
    {%- endfor -%}
    {%- do run_query(
        'begin; update ' ~ file_days ~ ' set n_event_lines = file_days.n_event_lines - (gone.n_lines - coalesce(gone.n_refund_lines, 0))'
        ~ fewer | join('') ~ ' from ' ~ counts ~ ' as gone'
        ~ ' where file_days.file_id = gone.file_id and file_days.event_date = gone.event_date;'
        ~ ' update ' ~ file_lines ~ ' set n_erased = file_lines.n_erased + gone.n_lines'
        ~ ' from (select file_id, sum(n_lines) as n_lines from ' ~ counts ~ ' group by file_id) as gone'
        ~ ' where file_lines.file_id = gone.file_id;'
        ~ ' delete from ' ~ counts ~ '; commit'
    ) -%}
    {%- do run_query('update ' ~ clientele.register('requests') ~ ' set n_rows = ' ~ n_rows ~ ' where request_number = ' ~ number) -%}
    {%- if n_subjects > n_unknown -%}{{ print('erased ' ~ (n_subjects - n_unknown) ~ ' customer(s) from ' ~ names | length ~ ' tables: ' ~ n_rows ~ ' line(s) of files') }}{%- endif -%}
{% endmacro %}


{% macro finish_erasure() %}
    {#- What lies outside the tables: published files, the bytes of the databases; then the request itself. -#}
    {{ return(adapter.dispatch('finish_erasure', 'clientele')()) }}
{% endmacro %}


{% macro _republish(query) %}
    {#- Writes every kept publication anew; files with a user_key by `query`, which reads `published`. -#}
    {%- for file in run_query('select unnest(from_json(clientele_republication_start(), \'[{"old": "VARCHAR", "new": "VARCHAR"}]\'), recursive := true)').rows -%}
        {%- set published = "read_parquet('" ~ file['old'] | replace("'", "''") ~ "')" -%}
        {%- do run_query(
            'copy (with published as (select * from ' ~ published ~ ') ' ~ query ~ ' order by user_key) to '
            ~ "'" ~ file['new'] | replace("'", "''") ~ "' (" ~ clientele.published_format() ~ ")"
        ) -%}
    {%- endfor -%}
    {%- do run_query('select clientele_republication_finish((select coalesce(max(request_number), 0) from ' ~ clientele.register('requests') ~ '))') -%}
{% endmacro %}


{% macro _rewrite_databases(of_tables, emptied=[], pseudonyms={}) %}
    {#- DuckDB keeps the bytes of deleted rows: both databases are written into new files, which take the place of the
        old ones when this process ends, or before the next one opens them. `of_tables`: expressions by table and column;
        `emptied`: tables that come without their rows, as what a build reads anew does; `pseudonyms`: expressions by column,
        for every table of this project that has the column. What else lies in the warehouse comes as it is; where it names a
        customer by a pseudonym of ours, by the new one. -#}
    {#- a rule of a table of the shop is carried out here: it finds no key -#}
    {%- do run_query('reset variable clientele_keys') -%}
    {%- set folder = run_query('select clientele_rewrite_start()').columns[0].values()[0] -%}
    {%- set schemas = graph.nodes.values() | selectattr('package_name', 'equalto', 'clientele')
        | selectattr('resource_type', 'in', ['model', 'seed']) | map(attribute='schema') | unique | list -%}
    {%- for database in [target.database, clientele.vault_database()] -%}
        {%- do run_query("attach '" ~ folder | replace("'", "''") ~ "/" ~ database ~ ".duckdb' as clientele_rewritten") -%}
        {%- do run_query('copy from database ' ~ database ~ ' to clientele_rewritten (schema)') -%}
        {%- for table in clientele._tables_to_rewrite(database) if table.schema ~ '.' ~ table.name not in emptied -%}
            {%- set name = clientele.quoted(table.schema) ~ '.' ~ clientele.quoted(table.name) -%}
            {%- set is_ours = table.schema in schemas -%}
            {%- set replaced = dict(pseudonyms, **of_tables.get(table.schema ~ '.' ~ table.name, {})) if is_ours else {} -%}
            {%- set names, expressions = [], [] -%}
            {%- for column in table.columns -%}
                {%- set held = 'held.' ~ clientele.quoted(column.name) -%}
                {%- set is_like_ours = column.type == {'user_sk': 'BIGINT', 'user_key': 'VARCHAR'}.get(column.name | lower) -%}
                {%- do names.append(clientele.quoted(column.name)) -%}
                {%- if pseudonyms and is_like_ours and not is_ours -%}
                    {%- set held = 'coalesce(' ~ pseudonyms[column.name | lower] ~ ', ' ~ held ~ ')' -%}
                {%- endif -%}
                {%- do expressions.append(replaced.get(column.name, held)) -%}
            {%- endfor -%}
            {%- do run_query(
                'insert into clientele_rewritten.' ~ name ~ ' (' ~ names | join(', ') ~ ') select ' ~ expressions | join(', ')
                ~ ' from ' ~ clientele.quoted(database) ~ '.' ~ name ~ ' as held'
            ) -%}
            {%- for column in ['user_sk', 'user_key'] if column in replaced and clientele.quoted(column) in names -%}
                {%- if run_query('select count(*) from clientele_rewritten.' ~ name ~ ' where ' ~ column ~ ' is null').columns[0].values()[0] > 0 -%}
                    {{ clientele.refuse(
                        name ~ ' holds a user whom vault.user_keys does not know; nothing was changed. Build once and try again.'
                    ) }}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- do run_query('detach clientele_rewritten') -%}
    {%- endfor -%}
    {%- do run_query('reset disabled_compression_methods') -%}
    {%- do run_query('select clientele_rewrite_finish()') -%}
{% endmacro %}


{% macro _tables_to_rewrite(database) %}
    {#- Tables of a database with the columns that are written of each: none that is computed. -#}
    {%- set rows = run_query(
        'select schema_name, table_name, column_name, data_type from duckdb_columns() '
        ~ "inner join duckdb_tables() using (database_name, schema_name, table_name) where database_name = '" ~ database
        ~ "' and not is_generated order by schema_name, table_name, column_index"
    ).rows -%}
    {%- set tables = [] -%}
    {%- for row in rows -%}
        {%- if not tables or (tables[-1].schema, tables[-1].name) != (row['schema_name'], row['table_name']) -%}
            {%- do tables.append({'schema': row['schema_name'], 'name': row['table_name'], 'columns': []}) -%}
        {%- endif -%}
        {%- do tables[-1].columns.append({'name': row['column_name'], 'type': row['data_type']}) -%}
    {%- endfor -%}
    {{ return(tables) }}
{% endmacro %}


{% macro require_rewritable() %}
    {#- Ends what was begun while a table of the shop in the warehouse refers to another one, or to itself: DuckDB takes its rows
        in no order that holds for all, so the database could not be written anew, and an erasure would never end. -#}
    {{ return(adapter.dispatch('require_rewritable', 'clientele')()) }}
{% endmacro %}


{% macro readmit_subjects() %}
    {#- dbt run-operation: lifts the tombstones of the customers named by the environment. Files that are read from now
        on bring them back, their old events with them when an old file is delivered again or all is built anew. -#}
    {%- if execute -%}
        {%- do clientele._require_warehouse() -%}
        {%- do clientele.create_registers() -%}
        {%- do clientele.take_build_lock('readmit') -%}
        {%- do clientele._require_named('readmit_subjects') -%}
        {%- set number = clientele.begin_request('readmit', clientele._begin_with_subjects(clientele.named_subjects())) -%}
        {%- do run_query(
            'delete from ' ~ clientele.register('tombstones') ~ ' where erased_hash in (select '
            ~ clientele.erased_hash('cast(user_id as varchar(256))') ~ ' from clientele_subjects)'
        ) -%}
        {{ clientele._end_request(number) }}
        {{ print('readmitted: the next files may bring them back') }}
    {%- endif -%}
{% endmacro %}


{% macro export_subject() %}
    {#- dbt run-operation, called by clientele export-subject: writes the rows about the customer named by the environment, one
        JSON file per table, into the folder CLIENTELE_EXPORT_FOLDER. Rows go to files and nowhere else: dbt logs what
        a macro prints. -#}
    {%- if execute -%}
        {%- do clientele._require_warehouse() -%}
        {%- do clientele.create_registers() -%}
        {%- do clientele.take_build_lock('copy') -%}
        {%- set folder = env_var('CLIENTELE_EXPORT_FOLDER') -%}
        {%- if clientele._begin_with_subjects(clientele.named_subjects()) != 1 -%}
            {{ clientele.refuse('export_subject: name one customer in CLIENTELE_SUBJECT; a copy is for one person.') }}
        {%- endif -%}
        {%- set number = clientele.begin_request('copy', 1) -%}
        {%- set files = clientele.register('event_files') -%}
        {%- for subject in clientele._held_subject_models() -%}
            {%- set condition = clientele._is_of_subjects(subject['keys']) -%}
            {%- if condition != '1 = 0' -%}
                {%- set columns = subject['columns'] -%}
                {%- set origin = ', (select files.file_name from ' ~ files ~ ' as files where files.file_id = held.file_id) as origin_file' -%}
                {%- do run_query(
                    'select held.*' ~ (origin if 'file_id' in columns and 'file_name' not in columns)
                    ~ ' from ' ~ subject.relation ~ ' as held where ' ~ condition
                ).to_json(folder ~ '/' ~ subject.node.unique_id ~ '.json') -%}
            {%- endif -%}
        {%- endfor -%}
        {%- for name in ['objections', 'restrictions'] -%}
            {%- do run_query(
                'select user_id from ' ~ clientele.register(name) ~ ' where ' ~ clientele._is_of_subjects({'user_id': 'user_id'})
            ).to_json(folder ~ '/register.' ~ name ~ '.json') -%}
        {%- endfor -%}
        {%- if run_query(clientele.held_columns(['marts'])).rows | selectattr(1, 'equalto', 'reason_texts') | list -%}
            {%- do run_query('select reason, reason_fr from ' ~ clientele.built('marts', 'reason_texts')).to_json(folder ~ '/words.json') -%}
        {%- endif -%}
        {%- do run_query(
            'select destination, audience, standing from ' ~ clientele.register('destination_ledger')
            ~ ' where member_key in (select user_key from clientele_subjects)'
        ).to_json(folder ~ '/register.destination_ledger.json') -%}
        {%- set n_of_nobody = run_query(
            'select count(*) from ' ~ clientele.register('destination_ledger') ~ ' where member_key not in (select user_key from '
            ~ clientele.register('user_keys') ~ ')'
        ).columns[0].values()[0] -%}
        {{ clientele._end_request(number) }}
        {%- if n_of_nobody > 0 -%}
            {{ print(
                'this copy does not say where the customer was sent before the key was rotated, or before somebody was erased: destinations '
                ~ 'have pseudonyms that nobody has any more. Run clientele activate, then ask for the copy again.'
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro rotate_key() %}
    {#- dbt run-operation: gives every customer and session a new pseudonym, from the key in CLIENTELE_PSEUDONYM_KEY to
        the one in CLIENTELE_PSEUDONYM_KEY_NEW. All or nothing: new files take the place of the old ones in one step.
        docs/decisions/0015-key-rotation.md -#}
    {{ return(adapter.dispatch('rotate_key', 'clientele')()) }}
{% endmacro %}
