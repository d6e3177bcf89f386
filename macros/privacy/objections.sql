{#- Objection to profiling (Art. 21) and restriction (Art. 18). From the command on, not from the next build, these customers
    have no features, persona, value or prediction and no row in any mart, in the databases and in every kept publication.
    Their events stay, and are counted. docs/decisions/0057-objection-at-once.md -#}

{% macro may_be_profiled(user_sk) -%}
    {#- A condition: the user has not objected to profiling, and is not restricted. Everything that is fitted on users, or
        says something of one, asks it. -#}
    {{ user_sk }} not in (select user_sk from {{ ref('profiling_objections') }})
{%- endmacro %}


{% macro asked_for_no_profile() -%}
    {#- user_id of the registers: who has objected, and whose data is restricted. -#}
    select user_id from {{ clientele.register('objections') }}
    union
    select user_id from {{ clientele.register('restrictions') }}
{%- endmacro %}


{% macro remember_objections() %}
    {#- Who has objected before their first event is known to have before anything of theirs is read, whichever models are run:
        post_hook of user_keys, after its transaction, as core may be another database, where customers come in; and
        on-run-start, for a run that was stopped in between. A first build makes the table itself. -#}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry'] -%}
        {#- a full refresh has changed the kind of ids -#}
        {%- if clientele.registers_of_other_kind() -%}{%- do clientele.create_registers() -%}{%- endif -%}
        {%- set users, objections = clientele.register('user_keys'), clientele.built('core', 'profiling_objections') -%}
        {%- if clientele.is_there(users) and clientele.is_there(objections) -%}
            {%- do run_query(
                'insert into ' ~ objections ~ ' select user_sk from ' ~ users ~ ' where user_id in ('
                ~ clientele.asked_for_no_profile() ~ ') and user_sk not in (select user_sk from ' ~ objections ~ ')'
            ) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro forget_objectors() %}
    {#- post_hook: rows of users who may not be profiled. -#}
    delete from {{ this }} where user_sk in (select user_sk from {{ ref('profiling_objections') }})
{% endmacro %}


{% macro object_to_profiling() %}
    {#- dbt run-operation: the customers named by the environment object to profiling, at once. -#}
    {{ clientele._stop_profiling('object_to_profiling', 'objections', 'objection to profiling noted') }}
{% endmacro %}


{% macro restrict_subjects() %}
    {#- dbt run-operation: data of the customers named by the environment is kept, counted, and used for nothing else. -#}
    {{ clientele._stop_profiling('restrict_subjects', 'restrictions', 'restriction noted') }}
{% endmacro %}


{% macro withdraw_objection() %}
    {#- dbt run-operation: takes the objection of the customers named by the environment back. -#}
    {{ clientele._profile_again('withdraw_objection', 'objections', 'objection to profiling withdrawn') }}
{% endmacro %}


{% macro unrestrict_subjects() %}
    {#- dbt run-operation: lifts the restriction of the customers named by the environment. -#}
    {{ clientele._profile_again('unrestrict_subjects', 'restrictions', 'restriction lifted') }}
{% endmacro %}


{% macro _note_who_is_named(operation, noted) %}
    {#- Takes in the customers who are named, and all who are noted where a command of this kind was stopped; returns the
        number of the request, which is the newest one when nobody is named. -#}
    {%- set kind = operation.split('_')[0] -%}
    {%- set was_stopped = kind in clientele.stopped_requests() -%}
    {%- if not was_stopped -%}{%- do clientele._require_named(operation) -%}{%- endif -%}
    {%- set named = '(select user_id from ' ~ clientele.named_subjects() ~ ' as named)' -%}
    {%- do clientele._begin_with_subjects('(select user_id from ' ~ noted ~ ' union ' ~ named ~ ')' if was_stopped else named) -%}
    {%- set n_named = run_query('select count(*) from clientele_subjects where user_id in ' ~ named).columns[0].values()[0] | int -%}
    {%- if n_named == 0 -%}
        {{ return(run_query('select max(request_number) from ' ~ clientele.register('requests')).columns[0].values()[0] | int) }}
    {%- endif -%}
    {{ return(clientele.begin_request(
        kind, n_named,
        'insert into ' ~ noted ~ ' select user_id from clientele_subjects where user_id not in (select user_id from ' ~ noted ~ ')'
    )) }}
{% endmacro %}


{% macro _end_request(number, kind=none) %}
    {#- Finishes the request, forgets who was named and gives the lock back. -#}
    {%- do clientele.finish_request(number, kind) -%}
    {%- do clientele._forget_named_subjects() -%}
    {%- do clientele.release_build_lock() -%}
{% endmacro %}


{% macro _stop_profiling(operation, register, done) %}
    {%- if execute -%}
        {%- do clientele.take_build_lock(operation) -%}
        {%- do clientele.create_registers() -%}
        {%- set number = clientele._note_who_is_named(operation, clientele.register(register)) -%}
        {%- set held = clientele._held_subject_models() -%}
        {%- if 'profiling_objections' in held | map(attribute='name') -%}
            {%- set objections = clientele.built('core', 'profiling_objections') -%}
            {%- do run_query(
                'insert into ' ~ objections ~ ' select user_sk from clientele_subjects where user_sk not in (select user_sk from '
                ~ objections ~ ') and user_id in (select user_id from ' ~ clientele.register('user_keys') ~ ')'
            ) -%}
        {%- endif -%}
        {%- for subject in held if clientele._says_something_of(subject.node) -%}
            {%- do run_query('delete from ' ~ subject.relation ~ ' where ' ~ clientele._is_of_subjects(subject['keys'])) -%}
        {%- endfor -%}
        {{ clientele.withdraw_publications() }}
        {%- set n_unknown = clientele._n_named_without_event() if 'user_keys' in held | map(attribute='name') else 0 -%}
        {{ clientele._end_request(number, operation.split('_')[0]) }}
        {{ clientele._tell_of_profiling(
            held, done ~ ': no features, no persona, no row in any mart from now on; the next build fits nothing on them'
        ) }}
        {%- if n_unknown > 0 -%}
            {{ print(
                n_unknown ~ ' of the customers who are named have no event in this warehouse: it is noted for when one comes, if the id is right'
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro _n_named_without_event() %}
    {{ return(run_query(
        'select count(distinct user_id) from ' ~ clientele.named_subjects() ~ ' as named where user_id not in (select user_id from '
        ~ clientele.register('user_keys') ~ ')'
    ).columns[0].values()[0] | int) }}
{% endmacro %}


{% macro _profile_again(operation, register, done) %}
    {%- if execute -%}
        {%- do clientele.take_build_lock(operation) -%}
        {%- do clientele.create_registers() -%}
        {%- do clientele._require_named(operation) -%}
        {%- set number = clientele.begin_request(operation.split('_')[0], clientele._begin_with_subjects(clientele.named_subjects())) -%}
        {%- do run_query('delete from ' ~ clientele.register(register) ~ ' where user_id in (select user_id from clientele_subjects)') -%}
        {%- set names = clientele._held_subject_models() | map(attribute='name') | list -%}
        {%- if 'profiling_objections' in names -%}
            {#- who is in the other register, too, stays -#}
            {%- do run_query(
                'delete from ' ~ clientele.built('core', 'profiling_objections') ~ ' where user_sk in (select user_sk from clientele_subjects'
                ~ ' where user_id not in (' ~ clientele.asked_for_no_profile() ~ '))'
            ) -%}
        {%- endif -%}
        {%- if 'users' in names and 'events' in names -%}
            {%- do run_query(
                'update ' ~ clientele.built('core', 'users') ~ ' set last_load_id = ' ~ clientele.this_load(clientele.register('event_files'))
                ~ ' where user_sk in (select user_sk from clientele_subjects)'
            ) -%}
            {%- do clientele._touch_days_of_subjects() -%}
        {%- endif -%}
        {{ clientele._end_request(number) }}
        {{ clientele._tell_of_profiling(
            names, done ~ '; the next build works out features and a persona again, unless something else forbids it'
        ) }}
    {%- endif -%}
{% endmacro %}


{% macro _tell_of_profiling(held, done) %}
    {#- Says what was done. Who objects before the first build must not be in it, so that is no error; but the name of the home
        may be mistyped. -#}
    {{ print(
        done if held else
        'noted for the first build: there is nothing yet in this warehouse (CLIENTELE_HOME says where it is), and nothing was changed in any other'
    ) }}
{% endmacro %}


{% macro _touch_days_of_subjects() %}
    {#- What is kept per day or pinned to days, and whatever goes by loads, is built again by the next build. -#}
    {%- do run_query(
        'update ' ~ clientele.built('core', 'touched_days') ~ ' set last_load_id = '
        ~ clientele.this_load(clientele.register('event_files'))
        ~ ' where event_date in (select cast(event_at as date) from ' ~ clientele.built('core', 'events')
        ~ ' where user_sk in (select user_sk from clientele_subjects))'
    ) -%}
{% endmacro %}


{% macro _says_something_of(node) %}
    {#- Whether a table of people says more of a person than what happened: every mart, side inputs, and all behind the rooms
        that hold what happened. customer_visits holds days and sums, and is read where the rule is asked. -#}
    {{ return(
        node.config.materialized != 'view' and node.schema != 'vault' and node.name != 'customer_visits'
        and (node.schema == 'marts' or clientele.room_of(node) not in ['intake', 'shop'] or node.config.meta.get('side_input') is not none)
    ) }}
{% endmacro %}


{% macro withdraw_publications() %}
    {#- Takes the rows of clientele_subjects out of what is published. -#}
    {{ return(adapter.dispatch('withdraw_publications', 'clientele')()) }}
{% endmacro %}
