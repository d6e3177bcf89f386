{#- Grain: one figure of one model of sessions of one fit, at one tested origin or over all: how good predictions were,
    out of time and for other customers than those learnt from. -#}

{{ clientele.head_figures(ref('session_fit_fields')) }}
