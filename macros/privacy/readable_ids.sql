{#- Whose a faulty line is: the customer whom its user field names in any spelling, or whose session it is of. Never by a
    number that stands somewhere in the line. docs/decisions/0055-whose-a-line-is.md -#}

{% macro readable_id(text, kind) %}
    {#- The id that a user field names however it is spelled, null if it names none. What makes an event comes first
        (normal_id); a whole number may also have blanks, quotes, separators of thousands or an exponent about it, be in digits of
        other scripts, in hexadecimal (0x…) or base64, and in several of these at once. Wider than what makes an event: who is erased or asks for a copy is meant in
        any spelling. A text is read as it makes an event, and no further. -#}
    {%- if kind == 'text' -%}{{- return(clientele.normal_id(text, kind)) -}}{%- endif -%}
    {{- return('coalesce(' ~ clientele.normal_id(text, kind) ~ ', ' ~ clientele.readable_number(text) ~ ')') -}}
{% endmacro %}


{% macro readable_number(text) %}
    {#- The whole number that a text is in some spelling, null if it is none. -#}
    {{- return(adapter.dispatch('readable_number', 'clientele')(text)) -}}
{% endmacro %}


{% macro sessions_of_subjects(is_read) %}
    {#- A query for the sessions that are of clientele_subjects, and whether of nobody else (is_alone, 0 or 1), from what names
        both: events, and faulty lines with a readable id. `is_read`: names of the tables that there are, of core.events,
        core.refund_lines and vault.quarantined_lines. -#}
    {%- set owners = [] -%}
    {%- for name in ['events', 'refund_lines'] if name in is_read -%}
        {%- do owners.append(
            'select session_sk, case when user_sk in (select user_sk from clientele_subjects) then 1 else 0 end as is_theirs from '
            ~ clientele.built('core', name)
        ) -%}
    {%- endfor -%}
    {%- if 'quarantined_lines' in is_read -%}
        {%- do owners.append(
            'select session_sk, case when user_id in (select user_id from clientele_subjects) then 1 else 0 end as is_theirs from '
            ~ clientele.register('quarantined_lines') ~ ' where user_id is not null'
        ) -%}
    {%- endif -%}
    {{ return(
        'select session_sk, min(is_theirs) as is_alone from (' ~ owners | join(' union all ') ~ ') as owners where session_sk <> 0 '
        ~ 'group by session_sk having max(is_theirs) = 1'
        if owners else 'select cast(null as bigint) as session_sk, 0 as is_alone where 1 = 0'
    ) }}
{% endmacro %}


{% macro leave_shared_sessions(lines) %}
    {#- A statement: faulty lines without a user, in a session that clientele_subjects share with others, are nobody's for good.
        Without it they would be the others' alone, in a copy, too, as soon as the subjects are erased. -#}
    {{ return(
        'update ' ~ lines ~ ' set session_sk = 0 where user_id is null and session_sk in '
        ~ '(select session_sk from clientele_subject_sessions where is_alone = 0)'
    ) }}
{% endmacro %}
