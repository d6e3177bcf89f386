{#- What may be wrong with a warehouse, who answers for it, and what is to be done. -#}

{% macro health_alarms() %}
    {#- {name: figure, promised, error and warn (conditions on a row of monitor.health), owner (a room's, models/groups.yml), remedy}.
        A promise of 0 is none. -#}
    {%- set events = clientele.setting('promised_event_hours') -%}
    {%- set deliveries = clientele.setting('promised_delivery_hours') -%}
    {%- set models = clientele.setting('promised_model_days') -%}
    {{ return({
        'events': {
            'figure': 'event_age_hours', 'promised': events, 'warn': '1 = 0',
            'error': ('1 = 1' if events > 0 else '1 = 0') ~ ' and event_age_hours > ' ~ events, 'owner': 'data engineering',
            'remedy': 'The newest event is older than promised. Ask the shop for the missing files, then build again.'},
        'deliveries': {
            'figure': 'delivery_age_hours', 'promised': deliveries, 'warn': '1 = 0',
            'error': ('1 = 1' if deliveries > 0 else '1 = 0') ~ ' and delivery_age_hours > ' ~ deliveries, 'owner': 'data engineering',
            'remedy': 'No file has come for longer than promised. Look at what delivers them.'},
        'books': {
            'figure': 'n_unaccounted', 'promised': 0, 'warn': '1 = 0', 'error': 'n_unaccounted > 0', 'owner': 'data engineering',
            'remedy': 'Lines are unaccounted for: see monitor.reconciliation. Publish nothing until it is known why.'},
        'feed': {
            'figure': 'n_days_held + n_days_warned', 'promised': 0, 'warn': 'n_days_warned > 0', 'error': 'n_days_held > 0',
            'owner': 'data engineering',
            'remedy': 'Days of the last week are not as usual: see monitor.feed_health. Have the files corrected and deliver them again.'},
        'data_errors': {
            'figure': 'n_data_errors', 'promised': 0, 'warn': 'n_data_errors > 0', 'error': '1 = 0', 'owner': 'data engineering',
            'remedy': 'The newest week or month has days that are missing or broken: see monitor.feed_health. Deliver their files again.'},
        'drift': {
            'figure': 'n_drift_warnings + n_drift_errors', 'promised': 0, 'warn': 'n_drift_warnings > 0', 'error': 'n_drift_errors > 0',
            'owner': 'data science',
            'remedy': 'Something is otherwise than usual: see monitor.drift, and docs/drift.md for each word.'},
        'gates': {
            'figure': 'n_gates_missed', 'promised': 0, 'warn': 'n_gates_missed > 0', 'error': '1 = 0', 'owner': 'data science',
            'remedy': 'The model that scores misses a bar: see monitor.segment_gates. Fit again, or reject it (seeds/segment_decisions.csv).'},
        'model_age': {
            'figure': 'personas_age_days', 'promised': models, 'warn': ('1 = 1' if models > 0 else '1 = 0') ~ ' and personas_age_days > ' ~ models,
            'error': '1 = 0', 'owner': 'data science',
            'remedy': 'The model of personas is older than promised. Fit again with the var refit; it has to pass the gate.'},
        'refit': {
            'figure': 'n_refit_requests', 'promised': 0, 'warn': 'n_refit_requests > 0', 'error': '1 = 0', 'owner': 'data science',
            'remedy': 'Drift asks for a new fit: see monitor.refit_requests. The next build makes it; look at what the gate says.'},
    }) }}
{% endmacro %}
