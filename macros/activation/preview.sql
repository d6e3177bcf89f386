{#- Audiences as their files are now, counted without a build. -#}

{% macro preview_audiences(audience='') %}
    {#- dbt run-operation, for clientele audiences preview: sizes, revenue bands and overlaps; no ids, and nothing about fewer
        than min_cell_users customers. -#}
    {%- if execute -%}
        {%- do clientele.check_audiences() -%}
        {%- set facts = clientele.built('core', 'audience_facts') -%}
        {%- set all = clientele.compiled_audiences() -%}
        {%- set audiences = all | selectattr('name', 'equalto', audience) | list if audience else all -%}
        {%- if not audiences -%}
            {{ clientele.refuse(
                "there is no audience '" ~ audience ~ "'. Known: " ~ all | map(attribute='name') | join(', ') if audience
                else 'there is no audience: docs/campaigns.md says how one is described'
            ) }}
        {%- endif -%}
        {%- if adapter.get_relation(facts.database, facts.schema, facts.identifier) is none -%}
            {{ clientele.refuse('nothing is built yet, so there is nobody to count: build first') }}
        {%- endif -%}
        {%- for one in audiences -%}{{ clientele._preview_size(one, facts) }}{%- endfor -%}
        {%- for one in audiences -%}{{ clientele._preview_overlaps(one, all, facts) }}{%- endfor -%}
    {%- endif -%}
{% endmacro %}


{% macro _preview_size(one, facts) %}
    {%- set bands = run_query(
        'select revenue_band, count(*) as n_users from ' ~ facts ~ ' where ' ~ one.sql
        ~ ' and ' ~ clientele.consent_condition(one, clientele.built('core', 'consents_in_force'), clientele.built('monitor', 'side_books'))
        ~ ' group by revenue_band order by n_users desc'
    ).rows -%}
    {%- set size = bands | map(attribute='n_users') | sum | int -%}
    {%- set why_nobody = clientele._why_nobody(one, size, facts) -%}
    {%- set told = [] -%}
    {%- for band in bands -%}
        {%- if (band['n_users'] | int) >= clientele.setting('min_cell_users') -%}
            {%- do told.append((band['revenue_band'] or 'unknown') ~ ' ' ~ clientele._rounded_size(band['n_users'])) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ print(
        one.name ~ ': ' ~ clientele._rounded_size(size)
        ~ (', of whom have spent (in usual orders): ' ~ told | join(', ') if told and size >= one.minimum)
        ~ ('. Nobody is in it: ' ~ why_nobody if why_nobody)
    ) }}
{% endmacro %}


{% macro _why_nobody(one, size, facts) %}
    {#- Why an audience would not be used, as audience_standings judges it; none otherwise. -#}
    {%- set known = clientele.built('core', 'segment_labels') -%}
    {%- set found = run_query(
        "select case when max(as_of_date) > cast('" ~ one.expires ~ "' as date) then 1 else 0 end as is_over, "
        ~ 'coalesce(max(case when may_use_personas then 1 else 0 end), 0) as may_use_personas, '
        ~ '(select count(distinct segment_id) from ' ~ known ~ ' where segment_id in (' ~ (one.personas | join(', ') or 'null')
        ~ ')) as n_known from ' ~ facts
    ).rows[0] -%}
    {%- if found['is_over'] | int -%}{{ return('its last day is over') }}{%- endif -%}
    {%- if one.uses_personas and not found['may_use_personas'] | int -%}{{ return('it asks for personas that are not proven') }}{%- endif -%}
    {%- if (found['n_known'] | int) < one.personas | length -%}{{ return('it names a persona that the model in force does not have') }}{%- endif -%}
    {%- if size < one.minimum -%}{{ return('fewer than its minimum of ' ~ one.minimum) }}{%- endif -%}
    {{ return(none) }}
{% endmacro %}


{% macro _preview_overlaps(one, all, facts) %}
    {%- set sums = [] -%}
    {%- for other in all if other.name != one.name -%}
        {%- do sums.append('sum(case when ' ~ other.sql ~ ' then 1 else 0 end) as n_' ~ loop.index) -%}
    {%- endfor -%}
    {%- if sums -%}
        {%- set row = run_query('select ' ~ sums | join(', ') ~ ' from ' ~ facts ~ ' where ' ~ one.sql).rows[0] -%}
        {%- set told = [] -%}
        {%- for other in all if other.name != one.name -%}
            {%- if (row[loop.index0] or 0) | int >= clientele.setting('min_cell_users') -%}
                {%- do told.append(other.name ~ ' ' ~ clientele._rounded_size(row[loop.index0])) -%}
            {%- endif -%}
        {%- endfor -%}
        {{ print(one.name ~ ' shares customers with: ' ~ (told | join(', ') or 'no other of which as many may be told')) }}
    {%- endif -%}
{% endmacro %}


{% macro _rounded_size(n_users) %}
    {#- A number of customers in steps, as published_cells() counts them. -#}
    {%- set step = clientele.cell_step() -%}
    {%- if (n_users | int) < clientele.setting('min_cell_users') -%}{{ return('fewer than ' ~ clientele.setting('min_cell_users')) }}{%- endif -%}
    {{ return('about ' ~ '{:,}'.format(((n_users | int) + step // 2) // step * step)) }}
{% endmacro %}
