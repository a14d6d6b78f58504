"""Compiles a fitted model into one graph, and takes the part of an estimator out again."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
from onnx import TensorProto, helper

from fairlead.graph.builder import INPUT, Graph
from fairlead.training.fitted import DESIGN, PREDICTION, PROBABILITIES, SCORES, FittedModel


def compile_model(fitted: FittedModel) -> onnx.ModelProto:
    """The whole model: encoded rows in, predictions out.

    Raises:
        CompileError: an estimator cannot be expressed exactly.
    """
    graph = Graph(len(fitted.contract.columns))
    outputs = fitted.compile(graph)
    classes = len(fitted.contract.classes)
    kind = TensorProto.INT64 if classes else TensorProto.DOUBLE
    public = {PREDICTION: (outputs.prediction, kind, 1)}
    if outputs.probabilities is not None:
        public[PROBABILITIES] = (outputs.probabilities, TensorProto.DOUBLE, classes)
    return graph.model(public)


def inspected(model: onnx.ModelProto, design_width: int, prefix: str = "") -> onnx.ModelProto:
    """The nodes that lead to an estimator's outputs, its design matrix and its raw scores.

    Args:
        model: what `compile_model` made.
        design_width: number of columns of the design matrix.
        prefix: of the estimator's names.
    """
    outputs = _outputs(model, design_width, prefix)
    return _sliced(model, INPUT, model.graph.input[0], outputs)


def estimator_part(model: onnx.ModelProto, width: int, prefix: str = "") -> onnx.ModelProto:
    """The very nodes of a compiled model that follow a design matrix, as a model of their own.

    Args:
        model: what `compile_model` made.
        width: number of columns of the design matrix, which becomes the input `X`.
        prefix: of the estimator's names.

    Returns:
        A model with the estimator's outputs and, where there are any, the raw scores.
    """
    outputs = _outputs(model, width, prefix)
    # Where the columns as they come are the design matrix, it has no name of its own.
    source = prefix + DESIGN if outputs.pop(prefix + DESIGN, None) is not None else INPUT
    X = helper.make_tensor_value_info(INPUT, TensorProto.DOUBLE, ["n", width])
    return _sliced(model, source, X, outputs)


def _outputs(model: onnx.ModelProto, width: int, prefix: str) -> dict[str, onnx.ValueInfoProto]:
    """What an estimator leaves in a graph, by name, as outputs."""
    made = {name for node in model.graph.node for name in node.output}
    public = {each.name: each.type.tensor_type for each in model.graph.output}
    kind, double = public[PREDICTION].elem_type, TensorProto.DOUBLE
    known: list[tuple[str, int, int | str]] = [
        (PREDICTION, kind, 1),
        (PROBABILITIES, double, "k"),
        (DESIGN, double, width),
        (SCORES, double, "j"),
    ]
    return {
        prefix + name: helper.make_tensor_value_info(prefix + name, kind, ["n", width])
        for name, kind, width in known
        if prefix + name in made
    }


def _sliced(
    model: onnx.ModelProto,
    source: str,
    X: onnx.ValueInfoProto,
    outputs: Mapping[str, onnx.ValueInfoProto],
) -> onnx.ModelProto:
    """The nodes between a value, which becomes the input, and some outputs."""
    makers = {name: node for node in model.graph.node for name in node.output}
    needed, open_names = {source}, list(outputs)
    while open_names:
        name = open_names.pop()
        if name not in needed:
            needed.add(name)
            open_names += makers[name].input if name in makers else ()
    nodes = [
        node for node in model.graph.node if node.output[0] in needed and node.output[0] != source
    ]
    if source != INPUT:
        nodes.insert(0, helper.make_node("Identity", [INPUT], [source]))
    constants = [each for each in model.graph.initializer if each.name in needed]
    graph = helper.make_graph(
        nodes, model.graph.name, [X], list(outputs.values()), initializer=constants
    )
    part = helper.make_model(
        graph,
        producer_name=model.producer_name,
        opset_imports=model.opset_import,
        ir_version=model.ir_version,
    )
    onnx.checker.check_model(part)
    return part
