{#- What is forgotten of who came and left. -#}

{% macro forget_changes() %}
    {#- post_hook of audience_changes: customers without a profile leave no row; nor does anybody, of an audience that they have
        left, once events of that time are not kept either. -#}
    delete from {{ this }}
    where
        user_key not in (select user_key from {{ ref('audience_facts') }})
        or (
            as_of_date < {{ clientele.kept_from('events') }}
            and audience || ' ' || user_key not in (select audience || ' ' || user_key from {{ ref('audience_candidates') }})
        )
{% endmacro %}
