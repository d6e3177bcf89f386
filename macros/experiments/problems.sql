{#- What is wrong with the experiments of experiments/*.yml. -#}

{% macro experiment_problems() %}
    {#- All of it: [{file, experiment, place, problem}]. -#}
    {%- set audiences = clientele.audience_definitions() -%}
    {%- set destinations = clientele.destination_names() -%}
    {%- set problems, arm_audiences = clientele.nameless_problems('experiment'), {} -%}
    {%- for name, given in clientele.experiment_definitions().items() -%}
        {%- set found = [] -%}
        {%- set known = ['label_fr', 'purpose', 'audience', 'starts', 'horizon_days', 'measure', 'smallest_effect', 'guardrails',
            'when_too_small', 'strata', 'control', 'arms', 'destinations', 'playbook'] -%}
        {%- set measures = clientele.experiment_measures().keys() | list -%}
        {%- for key in given if key not in known + ['name', 'file', 'label', 'description', 'owner'] -%}
            {%- do found.append([key, "there is no '" ~ key ~ "'. Known: " ~ known | join(', ')]) -%}
        {%- endfor -%}
        {%- if not modules.re.fullmatch('[a-z][a-z0-9_]{0,40}', name) -%}
            {%- do found.append(['name', 'a name has small letters, digits and _, 41 at most']) -%}
        {%- endif -%}
        {%- for key in ['label_fr', 'purpose', 'description', 'owner'] -%}
            {%- set problem = clientele.text_problem(key, given.get(key), 512 if key != 'description' else 4096) -%}
            {%- if problem -%}{%- do found.append([key, problem]) -%}{%- endif -%}
        {%- endfor -%}
        {%- if given.get('audience') is not string or given.audience not in audiences -%}
            {%- do found.append(['audience', "there is no audience '" ~ given.get('audience', '') ~ "'. Known: " ~ audiences | sort | join(', ')]) -%}
        {%- endif -%}
        {%- if not clientele.is_day(given.get('starts')) -%}
            {%- do found.append(['starts', 'starts is the first day on which arms may be drawn, like 2027-01-31']) -%}
        {%- endif -%}
        {%- if given.get('horizon_days') is not integer or given.horizon_days is boolean or not 1 <= given.horizon_days <= 365 -%}
            {%- do found.append(['horizon_days', 'horizon_days is a number of days from 1 to 365']) -%}
        {%- endif -%}
        {%- if given.get('measure') not in measures -%}
            {%- do found.append(['measure', "measure is what decides, one of " ~ measures | join(', ')]) -%}
        {%- endif -%}
        {%- if given.get('smallest_effect') is not number or given.smallest_effect is boolean or not 0.001 <= given.smallest_effect <= 10 -%}
            {%- do found.append(['smallest_effect', 'smallest_effect is the smallest change of the measure that is of interest, as a part of it: 0.1 is 10 %']) -%}
        {%- endif -%}
        {%- for key, allowed in {'guardrails': measures | reject('equalto', given.get('measure')) | list,
            'strata': ['persona', 'value_tier'], 'destinations': destinations}.items() if key in given -%}
            {%- if given[key] is string or given[key] is mapping or given[key] is not sequence or given[key] | reject('in', allowed) | list -%}
                {%- do found.append([key, key ~ ' is a list of ' ~ allowed | join(', ')]) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if given.when_too_small not in ['refuse', 'warn'] -%}
            {%- do found.append(['when_too_small', 'when_too_small is refuse or warn']) -%}
        {%- endif -%}
        {%- if 'playbook' in given -%}
            {%- if given.playbook is not string or not modules.re.fullmatch('[a-z][a-z0-9_]{0,31}', given.playbook) -%}
                {%- do found.append(['playbook', 'playbook is the code of a measure of seeds/playbook.csv or head_measures.csv']) -%}
            {%- elif given.get('measure') != 'buyers' or (given.get('arms') or []) | length != 2 -%}
                {%- do found.append(['playbook', 'gains of the playbook are shares who order: it takes measure: buyers and two arms']) -%}
            {%- endif -%}
        {%- endif -%}
        {%- set of_arms = clientele._arm_problems(given, audiences) -%}
        {%- do found.extend(of_arms) -%}
        {%- for arm in ([] if of_arms else given.arms) -%}
            {%- set audience = name ~ '_' ~ arm.name -%}
            {%- if audience in arm_audiences and arm.name != 'holdout' -%}
                {%- do found.append(['arms > ' ~ loop.index ~ ' > name', "an arm of " ~ arm_audiences[audience] ~ " is the audience '" ~ audience ~ "' already: give this one another name"]) -%}
            {%- endif -%}
            {%- do arm_audiences.update({audience: name}) -%}
        {%- endfor -%}
        {%- for place, problem in found -%}
            {%- do problems.append({'file': given.file, 'experiment': name, 'place': place, 'problem': problem}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(problems) }}
{% endmacro %}


{% macro _trial_problems(given, arm, place) %}
    {#- [[place, problem]] of what an arm says of a model, and of who of it is treated. -#}
    {%- set found = [] -%}
    {%- if 'model' in arm and not modules.re.fullmatch('[0-9a-z-]{1,64}(/order_(7|14|30|60|90)d)?', arm.model | string) -%}
        {%- do found.append([place ~ ' > model', 'model is a version (core.segment_models), or version/order_30d to try the head of a fit against its heuristic']) -%}
    {%- endif -%}
    {%- if arm.name == 'holdout' -%}
        {%- for key in ['model', 'where'] if key in arm -%}
            {%- do found.append([place ~ ' > ' ~ key, 'nobody of holdout is treated: give the arm another name']) -%}
        {%- endfor -%}
    {%- elif 'where' in arm -%}
        {%- for problem in clientele.arm_condition(given, arm, place).problems -%}
            {%- do found.append([problem.place, problem.problem]) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found) }}
{% endmacro %}


{% macro _arm_problems(given, audiences) %}
    {#- [[place, problem]] of the arms. -#}
    {%- set arms = given.get('arms') -%}
    {%- if arms is string or arms is mapping or arms is not sequence or not 2 <= arms | length <= 6 -%}
        {{ return([['arms', 'arms is a list of two to six, each {name: …, share: …, label: …, label_fr: …}']]) }}
    {%- endif -%}
    {%- set found, names, shares = [], [], [] -%}
    {%- for arm in arms -%}
        {%- set place = 'arms > ' ~ loop.index -%}
        {%- if arm is not mapping or arm.keys() | reject('in', ['model', 'where']) | sort | list != ['label', 'label_fr', 'name', 'share'] -%}
            {%- do found.append([place, 'an arm has name, share, label and label_fr, and may have model and where']) -%}
        {%- else -%}
            {%- do found.extend(clientele._trial_problems(given, arm, place)) -%}
            {%- if arm.name is not string or not modules.re.fullmatch('[a-z][a-z0-9_]{0,20}', arm.name) or arm.name in names -%}
                {%- do found.append([place ~ ' > name', 'the name of an arm has small letters, digits and _, 21 at most, and is used once' ~ clientele.quotes_hint(arm.name)]) -%}
            {%- elif given.name ~ '_' ~ arm.name in audiences -%}
                {%- do found.append([place ~ ' > name', "there is an audience '" ~ given.name ~ '_' ~ arm.name ~ "' already, and the arm's customers would have that name"]) -%}
            {%- endif -%}
            {%- if arm.share is not number or arm.share is boolean or not 0.01 <= arm.share <= 0.99 -%}
                {%- do found.append([place ~ ' > share', 'share is a number from 0.01 to 0.99']) -%}
            {%- else -%}
                {%- do shares.append(arm.share) -%}
            {%- endif -%}
            {%- for key in ['label', 'label_fr'] -%}
                {%- set problem = clientele.text_problem(key, arm[key], 256) -%}
                {%- if problem -%}{%- do found.append([place ~ ' > ' ~ key, problem]) -%}{%- endif -%}
            {%- endfor -%}
            {%- do names.append(arm.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if not found and ((shares | sum - 1) | abs) > 1e-9 -%}
        {%- do found.append(['arms', 'the shares of the arms add up to ' ~ ('%.4g' | format(shares | sum)) ~ ', and have to add up to 1']) -%}
    {%- endif -%}
    {%- if names and given.control not in names -%}
        {%- do found.append(['control', "no arm is called '" ~ given.control ~ "': name one holdout, who is in no audience of the experiment, or say with control which arm the others are compared with"]) -%}
    {%- endif -%}
    {{ return(found) }}
{% endmacro %}


{% macro signed_percent(share) -%}
    {#- A share as a text with its sign: 0.031 is +3.1. -#}
    case when {{ share }} > 0 then '+' else '' end || cast(cast({{ share }} * 100 as decimal(9, 1)) as varchar(16))
{%- endmacro %}
