"""The part of the page on how a candidate decides, where people can follow it."""

from __future__ import annotations

from fairlead.evaluation.explanation_figures import tree_png
from fairlead.evaluation.page import table
from fairlead.evaluation.tables import NONE
from fairlead.evaluation.training_report.parts import figure
from fairlead.evaluation.training_report.records import CandidateResults, TrainingResults
from fairlead.models.explanation import Rules, Tree, Weights

SHOWN_WEIGHTS = 20


def explained(report: TrainingResults, candidate: CandidateResults, tag: str) -> str:
    """How the candidate decides, where people can follow it."""
    found = candidate.explanation
    match found:
        case None:
            return ""
        case Tree():
            title, body = "Its tree", _tree(report, candidate.name, found)
        case Rules():
            title, body = "Its rules", _rules(found)
        case Weights():
            title, body = "Its weights", _weights(found)
    return f"<{tag}>{title}</{tag}>{body}"


def _tree(report: TrainingResults, name: str, tree: Tree) -> str:
    left_out = tree.total - len(tree.nodes)
    told_left = (
        f" {left_out:,} of {tree.total:,} nodes are left out: the tree is {tree.depth} tests deep."
        if left_out
        else f" All {tree.total:,} nodes."
    )
    caption = f"The upper branch is taken where the test holds.{told_left}"
    root = tree.nodes[0]
    alt = f"Decision tree of {name}, first test: {root.test or 'none'}"
    return figure(tree_png(tree, report.board.unit), caption, alt)


def _rules(found: Rules) -> str:
    rows = [
        [
            f"{number}. `{each.when}`" if each.when else "otherwise",
            each.predict,
            f"{each.rows:,}",
            f"{each.right:,} ({100 * each.right / each.rows:.1f} %)"
            if each.right is not None and each.rows
            else NONE,
        ]
        for number, each in enumerate(found.rules, 1)
    ]
    caption = "The first rule that holds decides; rows are those of the training"
    return table(caption, ("rule", "predicts", "rows", "right"), rows, words=2)


def _weights(found: Weights) -> str:
    """The largest weights, one column for each sum."""
    largest = [max(abs(row[index]) for row in found.weights) for index in range(len(found.columns))]
    order = sorted(range(len(found.columns)), key=lambda index: -largest[index])
    rows = [
        [found.columns[index], *(_signed(row[index]) for row in found.weights)]
        for index in order[:SHOWN_WEIGHTS]
    ]
    rows.append(["(begins with)", *(_signed(start) for start in found.intercepts)])
    left_out = len(order) - SHOWN_WEIGHTS
    more = f" {left_out} smaller ones are left out." if left_out > 0 else ""
    caption = (
        "Weight of each column: numbers per standard deviation from their mean, categories where "
        f"they apply. The sum is the answer, or the score of a class.{more}"
    )
    return table(caption, ("column", *(name or "weight" for name in found.outputs)), rows)


def _signed(number: float) -> str:
    text = f"{number:+,.0f}" if abs(number) >= 1000 else f"{number:+.3g}"
    return text.replace("-", "\N{MINUS SIGN}")
