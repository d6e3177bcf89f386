"""Do the personas earn their place? Cross-validated prediction, baselines, and the gate for a new model.

`cross_validate` measures, `judge` decides. `python -m clientele.evaluation` compares other ways to cluster,
for the record. Nothing here knows dbt.
"""

from clientele.evaluation.gate import GATE_COLUMNS, Verdict, judge
from clientele.evaluation.prediction import EVALUATION_COLUMNS, Study, cross_validate

__all__ = ["EVALUATION_COLUMNS", "GATE_COLUMNS", "Study", "Verdict", "cross_validate", "judge"]
