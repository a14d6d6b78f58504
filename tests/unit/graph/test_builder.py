from __future__ import annotations

import numpy as np
from onnx import TensorProto

from fairlead.graph.builder import Graph, serialize
from fairlead.graph.runtime import Session

X = np.array([[1.0, 2.0], [3.0, 4.0]])


def test_naming_a_value_adds_no_node() -> None:
    graph = Graph(2)
    doubled = graph.op("Add", graph.X, graph.X)
    graph.name(doubled, "doubled")
    halved = graph.op("Div", doubled, graph.constant(4.0))
    model = graph.model({"y": (halved, TensorProto.DOUBLE, 2)})
    assert [node.output[0] for node in model.graph.node] == ["doubled", "y"]
    assert (Session(serialize(model)).run(X)["y"] == X / 2).all()


def test_one_value_may_be_two_outputs_and_the_input_or_a_constant_one() -> None:
    graph = Graph(2)
    doubled = graph.op("Add", graph.X, graph.X)
    graph.name(doubled, "doubled")
    graph.name(graph.X, "ignored")
    values = {"a": doubled, "b": doubled, "c": graph.X, "d": graph.constant(X)}
    model = graph.model({name: (value, TensorProto.DOUBLE, 2) for name, value in values.items()})
    outputs = Session(serialize(model)).run(X)
    assert [output.tolist() for output in outputs.values()] == [
        (2 * X).tolist(),
        (2 * X).tolist(),
        X.tolist(),
        X.tolist(),
    ]


def test_equal_constants_are_stored_once() -> None:
    graph = Graph(1)
    assert graph.constant(1.0) == graph.constant(1.0)
    assert graph.constant(0.0) != graph.constant(-0.0)
