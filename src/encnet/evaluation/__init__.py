"""Evaluation of a model on a split of a data set."""

from encnet.evaluation.report import EvaluationReport, scores_table
from encnet.evaluation.run import evaluate

__all__ = ["EvaluationReport", "evaluate", "scores_table"]
