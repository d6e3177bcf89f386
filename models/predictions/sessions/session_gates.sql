{#- Grain: one criterion of the model of sessions of one fit; the criterion `verdict` says what scores, and why. A
    head that is refused has the verdict alone. -#}

{{ clientele.head_criteria(ref('session_fit_fields')) }}
