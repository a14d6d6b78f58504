"""Compiles preprocessing and estimator into one graph, and takes the estimator's part out again."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from fairlead.graph.builder import Graph
from fairlead.training.fitting import Fitted

DESIGN = "design"
"""Name of the design matrix inside the graph, between preprocessing and estimator."""
SCORES = "scores"
"""Name of the raw scores inside the graph, for families that have them; not an output."""


def compile_model(fitted: Fitted) -> onnx.ModelProto:
    """The whole model: encoded rows in, predictions out.

    Raises:
        CompileError: the estimator cannot be expressed exactly.
    """
    graph = Graph(len(fitted.contract.columns))
    design = graph.named(DESIGN, fitted.preprocessing.compile(graph))
    family, context = fitted.candidate.family, fitted.context
    outputs = family.compile(fitted.estimator, graph, design, context)
    if outputs.scores is not None:
        graph.named(SCORES, outputs.scores)
    classes = len(context.classes)
    kind = TensorProto.INT64 if classes else TensorProto.DOUBLE
    public = {"prediction": (outputs.prediction, kind, 1)}
    if outputs.probabilities is not None:
        public["probabilities"] = (outputs.probabilities, TensorProto.DOUBLE, classes)
    return graph.model(public)


def estimator_part(model: onnx.ModelProto, width: int) -> onnx.ModelProto:
    """The very nodes of a compiled model that follow the design matrix, as a model of their own.

    Args:
        model: what `compile_model` made.
        width: number of columns of the design matrix, which becomes the input `X`.

    Returns:
        A model with the outputs of `model` and, where there are any, the raw scores.
    """
    part = onnx.ModelProto()
    part.CopyFrom(model)
    graph = part.graph
    names = [node.output[0] for node in graph.node]
    after = list(graph.node)[names.index(DESIGN) + 1 :]
    del graph.node[:]
    graph.node.add(op_type="Identity", input=["X"], output=[DESIGN])
    graph.node.extend(after)
    graph.input[0].CopyFrom(helper.make_tensor_value_info("X", TensorProto.DOUBLE, ["n", width]))
    if SCORES in names:
        graph.output.append(helper.make_tensor_value_info(SCORES, TensorProto.DOUBLE, ["n", "j"]))
    onnx.checker.check_model(part)
    return part
