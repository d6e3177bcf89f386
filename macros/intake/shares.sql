{#- A file of which much is left out is told, with the likely cause, and above a share it stops the build. -#}

{% macro likely_causes() %}
    {%- set no_number = 'ids that are no numbers: the var {}_id_kind: text; ids such as 5.41E+08 were rounded by a spreadsheet: export them anew' -%}
    {{ return({
        'invalid_encoding': 'the file is in another encoding: convert it, such as iconv -f WINDOWS-1252 -t UTF-8',
        'bad_quoting': 'quotes within quotes are written with a backslash, or a record goes over two lines: write them as RFC 4180 has them',
        'wrong_number_of_fields': 'a value holds the character between columns and is not in quotes',
        'control_character': 'the file was damaged, or is in another encoding',
        'bad_event_time': 'day and month in another order than ISO 8601 has them, or a zone that is only an abbreviation',
        'event_time_too_early': 'old data: the var earliest_event_date',
        'event_time_in_future': 'a clock that is wrong, or day and month exchanged; the var latest_event_date',
        'refund': 'refunds: the var refunds: keep keeps them beside the events',
        'unknown_event_type': "words of your own: add them to seeds/event_type_map.csv",
        'bad_user_id': no_number.format('user'),
        'bad_product_id': no_number.format('product'),
        'bad_price': 'a currency, thousands that are set apart, a number that is too large, or a decimal comma: the var decimal: comma',
        'negative_price': 'refunds: the var refunds: keep keeps them beside the events',
        'bad_quantity': 'refunds, where it is below zero: the var refunds: keep keeps them beside the events',
        'bad_category_id': no_number.format('category'),
    }) }}
{% endmacro %}


{% macro without_a_customer() %}
    {{ return(['missing_user_id', 'sentinel_user_id']) }}
{% endmacro %}


{% macro tell_about_lines() %}
    {#- post_hook of stg_lake__lines, before its mark: a build that stops here has loaded nothing. Lines without a customer, such
        as those of guests, are no fault of a file. -#}
    {%- if execute -%}
        {%- set warn, refuse = clientele.setting('quarantine_warn_share'), clientele.setting('quarantine_refuse_share') -%}
        {%- set messages, refusals, losses = [], [], [] -%}
        {%- for row in run_query(clientele._shares_of_files()).rows -%}
            {%- if row['n_judged'] == 0 -%}
                {%- do messages.append(row['file_name'] ~ ' holds no event' ~ (' of a customer' if row['n_nobodys'] > 0 else '') ~ '.') -%}
            {%- elif row['reason'] and row['n_lines'] > warn * row['n_judged'] -%}
                {%- set cause = clientele._likely_cause(row) -%}
                {%- set message = row['file_name'] ~ ': ' ~ row['n_lines'] ~ ' of ' ~ row['n_judged'] ~ ' lines are left out, '
                    ~ row['reason'] ~ ': ' ~ clientele.quarantine_reasons()[row['reason']] ~ '.'
                    ~ (' Likely: ' ~ cause ~ '.' if cause) -%}
                {%- do (refusals if row['n_lines'] > refuse * row['n_judged'] else messages).append(message) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- for file in clientele.files_of_other_days(this) -%}
            {%- if file['new_path'] == file['old_path'] -%}
                {%- do losses.append(
                    file['new_path'] ~ ' was read before and holds none of its days now: its events would be taken away. Where each day is'
                    ~ ' written under this name, give each a name of its own; where an upload was cut, deliver it again when it is complete'
                ) -%}
            {%- else -%}
                {%- do losses.append(
                    file['new_path'] ~ ' has the name of ' ~ file['old_path'] ~ ', which was read before, and would take its place with'
                    ~ " none of its days. Where it is another file, name the folder above both with a pattern, such as 'above/*/name.csv'"
                ) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do clientele._tell_about_spellings(messages) -%}
        {%- set stops = (refusals if clientele.setting('on_refused_file') == 'fail' else []) + (losses if refuse < 1 else []) -%}
        {%- if stops -%}
            {{ clientele.refuse(
                'Nothing was loaded.\n- ' ~ stops[:20] | join('\n- ') ~ ('\n- and ' ~ (stops | length - 20) ~ ' more' if stops | length > 20)
                ~ '\nMend or remove what is named above.'
                ~ (" To load the lines that can be read, and let go what these files held before: --vars '{quarantine_refuse_share: 1}'."
                    if losses and refuse < 1 else
                    " To load the lines that can be read: --vars '{quarantine_refuse_share: 1}', or '{on_refused_file: skip}'.")
                ~ ' The lines stand in vault.quarantined_lines once they are loaded.'
            ) }}
        {%- endif -%}
        {%- set refusals = refusals + losses -%}
        {%- for message in refusals[:20] -%}{{ print('read all the same: ' ~ message) }}{%- endfor -%}
        {%- for message in messages[:20] -%}{{ print(message) }}{%- endfor -%}
        {%- set n_more = [refusals | length - 20, 0] | max + [messages | length - 20, 0] | max -%}
        {%- if n_more > 0 -%}{{ print('and ' ~ n_more ~ ' more such messages') }}{%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro _shares_of_files() %}
    {%- set nobodys = "('" ~ clientele.without_a_customer() | join("', '") ~ "')" %}
    with words as (
        -- of many: where columns have changed places, it may be somebody's session
        select file_id, event_type
        from {{ this }}
        where line_kind = 'faulty' and reason = 'unknown_event_type'
        group by file_id, event_type
        having count(distinct user_id) >= 10 and count(distinct session_sk) >= 10
    ),

    first_words as (
        select file_id, 'unknown_event_type' as reason, min(event_type) as a_word from words group by file_id
    ),

    faulty as (
        select
            file_id, reason, count(*) as n_lines,
            sum(case when line_text like '%,' then 1 else 0 end) as n_commas
        from {{ this }}
        where line_kind = 'faulty' and reason not in {{ nobodys }}
        group by file_id, reason
    ),

    totals as (
        select
            file_id,
            sum(case when line_kind in {{ clientele.kept_kinds() }} or reason not in {{ nobodys }} then 1 else 0 end) as n_judged,
            sum(case when reason in {{ nobodys }} then 1 else 0 end) as n_nobodys
        from {{ this }}
        where line_kind = 'faulty' or line_kind in {{ clientele.kept_kinds() }}
        group by file_id
    )

    select
        files.file_name, faulty.reason, faulty.n_lines, faulty.n_commas, first_words.a_word,
        coalesce(totals.n_judged, 0) as n_judged, coalesce(totals.n_nobodys, 0) as n_nobodys
    from {{ ref('stg_lake__files') }} as files
    left join totals on files.file_id = totals.file_id
    left join faulty on files.file_id = faulty.file_id
    left join first_words on faulty.file_id = first_words.file_id and faulty.reason = first_words.reason
    where coalesce(totals.n_judged, 0) = 0 or faulty.n_lines > 0
    order by files.file_id, faulty.n_lines desc, faulty.reason
{% endmacro %}


{% macro _likely_cause(row) %}
    {%- if row['reason'] == 'wrong_number_of_fields' and row['n_commas'] == row['n_lines'] -%}
        {{ return('a comma stands at the end of each line and not of the header') }}
    {%- endif -%}
    {%- set cause = clientele.likely_causes().get(row['reason'], '') -%}
    {#- One word is shown, and nothing that may be an id: where those are texts, columns may have changed places. -#}
    {%- set is_shown = row['reason'] == 'unknown_event_type' and clientele.id_kind('user') == 'integer' -%}
    {%- if is_shown and modules.re.fullmatch('[A-Za-z_.:-]{2,16}', row['a_word'] or '') -%}
        {%- set cause = cause ~ ', such as ' ~ row['a_word'] -%}
    {%- endif -%}
    {{ return(cause) }}
{% endmacro %}


{% macro _tell_about_spellings(messages) %}
    {%- if run_query('select count(*) from ' ~ this ~ ' where is_respelled').columns[0].values()[0] > 0 -%}
        {%- set n_both = run_query(
            'select count(*) from (select user_id from ' ~ this ~ " where user_id is not null group by user_id having "
            ~ 'max(case when is_respelled then 1 else 0 end) > min(case when is_respelled then 1 else 0 end)) as both_ways'
        ).columns[0].values()[0] -%}
        {%- if n_both > 0 -%}
            {%- do messages.append(
                n_both ~ ' customer(s) are written in two ways, such as 007 and 7: each is taken for one. Where they are two, set user_id_kind: text.'
            ) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
