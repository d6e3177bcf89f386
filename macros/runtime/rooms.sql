{#- The rooms of the house in the order in which data goes through them: a table reads tables of its own room and of rooms
    before it, never of one behind it. dbt's groups keep a room's private tables to itself; this keeps the direction. -#}

{% macro rooms() %}
    {#- Folders of models/ and python_models/, first to last; those of one list stand side by side and do not read each other.
        What a wing learns from (its folder `training`) comes before what it says of customers. Value comes before personas,
        which are published beside it and have to add to it. Who is held back by an experiment is drawn before audiences have
        members. -#}
    {{ return([
        ['intake'], ['shop'], ['customers'], ['value.training'], ['value'], ['personas.training', 'predictions.training'],
        ['registry'], ['personas', 'predictions'], ['recommendations', 'forecast', 'items'], ['customer_view'], ['activation'],
        ['experiments.drawing'], ['activation.members'], ['experiments'], ['budget'], ['metrics'], ['drift'], ['report']
    ]) }}
{% endmacro %}


{% macro room_of(node) %}
    {#- The room of a model: its folder, or a subfolder of it that is a room of its own. -#}
    {%- set folders = node.fqn[1:-1] -%}
    {%- set known = clientele.rooms() | sum(start=[]) -%}
    {%- if folders[:2] | join('.') in known -%}{{ return(folders[:2] | join('.')) }}{%- endif -%}
    {{ return(folders[0] if folders else '') }}
{% endmacro %}


{% macro check_rooms() %}
    {#- on-run-start: ends the build, before it reads anything, when a table reads one of a room behind or beside its own. -#}
    {%- if execute -%}
        {%- set places = {} -%}
        {%- for side_by_side in clientele.rooms() -%}
            {%- set place = loop.index -%}
            {%- for room in side_by_side -%}{%- do places.update({room: place}) -%}{%- endfor -%}
        {%- endfor -%}
        {%- set problems = [] -%}
        {%- for node in graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | sort(attribute='name')
            if node.package_name == 'clientele' -%}
            {%- set room = clientele.room_of(node) -%}
            {%- if room not in places -%}
                {%- do problems.append(node.name ~ " stands in '" ~ node.original_file_path ~ "', which is no room") -%}
            {%- else -%}
                {%- for parent in node.depends_on.nodes if parent.startswith('model.') and parent in graph.nodes -%}
                    {%- set other = clientele.room_of(graph.nodes[parent]) -%}
                    {%- if other in places and other != room and places[other] >= places[room] -%}
                        {%- do problems.append(
                            node.name ~ ' (' ~ room ~ ') reads ' ~ graph.nodes[parent].name ~ ' (' ~ other ~ ')'
                        ) -%}
                    {%- endif -%}
                {%- endfor -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if problems -%}
            {{ clientele.refuse(
                'Data goes one way through the rooms (macros/runtime/rooms.sql), and this would go back or across:\n- '
                ~ problems | join('\n- ') ~ '\nMove the table, or read what its room publishes further up.'
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
