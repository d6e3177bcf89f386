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
            {{ exceptions.raise_compiler_error(
                "preview_audiences: there is no audience '" ~ audience ~ "'. Known: " ~ all | map(attribute='name') | join(', ')
            ) }}
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
    {%- set is_refused = one.uses_personas and not run_query(
        'select coalesce(max(case when may_use_personas then 1 else 0 end), 0) from ' ~ facts
    ).columns[0].values()[0] | int -%}
    {%- set told = [] -%}
    {%- for band in bands -%}
        {%- if (band['n_users'] | int) >= clientele.setting('min_cell_users') -%}
            {%- do told.append((band['revenue_band'] or 'unknown') ~ ' ' ~ clientele._rounded_size(band['n_users'])) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ print(
        one.name ~ ': ' ~ clientele._rounded_size(size)
        ~ (', of whom have spent (in usual orders): ' ~ told | join(', ') if told and size >= one.minimum)
        ~ ('. Nobody is in it: fewer than its minimum of ' ~ one.minimum if size < one.minimum)
        ~ ('. Nobody is in it: it asks for personas that are not proven' if is_refused)
    ) }}
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
