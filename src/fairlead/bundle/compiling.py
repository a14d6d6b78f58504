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
    design = fitted.preprocessing.compile(graph)
    graph.name(design, DESIGN)
    family, context = fitted.candidate.family, fitted.context
    outputs = family.compile(fitted.estimator, graph, design, context)
    if outputs.scores is not None:
        graph.name(outputs.scores, SCORES)
    classes = len(context.classes)
    kind = TensorProto.INT64 if classes else TensorProto.DOUBLE
    public = {"prediction": (outputs.prediction, kind, 1)}
    if outputs.probabilities is not None:
        public["probabilities"] = (outputs.probabilities, TensorProto.DOUBLE, classes)
    return graph.model(public)


def inspected(model: onnx.ModelProto, design_width: int) -> onnx.ModelProto:
    """A compiled model that also gives its design matrix and its raw scores, where it has them."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    made = {name for node in model.graph.node for name in node.output}
    for name, width in ((DESIGN, design_width), (SCORES, "j")):
        if name in made:
            inner = helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n", width])
            copy.graph.output.append(inner)
    return copy


def estimator_part(model: onnx.ModelProto, width: int) -> onnx.ModelProto:
    """The very nodes of a compiled model that follow the design matrix, as a model of their own.

    Args:
        model: what `compile_model` made.
        width: number of columns of the design matrix, which becomes the input `X`.

    Returns:
        A model with the outputs of `model` and, where there are any, the raw scores.
    """
    part = inspected(model, width)
    nodes, outputs = list(part.graph.node), list(part.graph.output)
    names = [node.output[0] for node in nodes]
    if DESIGN not in names:
        return part  # the columns as they come are the design matrix
    del part.graph.node[:], part.graph.output[:]
    part.graph.node.add(op_type="Identity", input=["X"], output=[DESIGN])
    part.graph.node.extend(nodes[names.index(DESIGN) + 1 :])
    part.graph.output.extend(output for output in outputs if output.name != DESIGN)
    X = helper.make_tensor_value_info("X", TensorProto.DOUBLE, ["n", width])
    part.graph.input[0].CopyFrom(X)
    onnx.checker.check_model(part)
    return part
