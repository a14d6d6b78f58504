"""Builds an ONNX model node by node, the same bytes every time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 19
ML_OPSET = 5
IR_VERSION = 10
INPUT = "X"


class Graph:
    """A graph under construction. A value is the name of a tensor; `X` is the only input.

    Args:
        width: number of columns of the input, float64 of shape [n, width].
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._initializers: list[onnx.TensorProto] = []
        self._names: dict[str, str] = {}

    @property
    def X(self) -> str:  # noqa: N802 (the field's name for the design matrix)
        """The input, float64 [n, width]."""
        return INPUT

    def constant(self, value: float | bool | NDArray[Any]) -> str:
        """A constant tensor; equal constants share one initializer."""
        array = np.asarray(value, order="C")
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = f"c{len(self._constants)}"
            self._constants[key] = name
            self._initializers.append(numpy_helper.from_array(array, name))
        return self._constants[key]

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Append a node with one output and return that output."""
        output = f"v{len(self._nodes)}"
        self._nodes.append(
            helper.make_node(kind, list(inputs), [output], domain=domain, **attributes)
        )
        return output

    def smallest(self, value: str, count: int) -> tuple[str, str]:
        """The smallest of each row, rising: [n, m] to values and positions, each [n, count].

        Of equals, the one that stands first comes first; NaN must not be among them.
        """
        name = f"v{len(self._nodes)}"
        outputs = [f"{name}_values", f"{name}_positions"]
        size = self.constant(np.array([count], np.int64))
        options = {"axis": 1, "largest": 0, "sorted": 1}
        self._nodes.append(helper.make_node("TopK", [value, size], outputs, **options))
        return outputs[0], outputs[1]

    def name(self, value: str, name: str) -> None:
        """Have a value called so in the finished model; the input keeps its own name."""
        if value != INPUT:
            self._names[value] = name

    def column(self, value: str, index: int) -> str:
        """One column of a [n, d] value, as [n, 1]."""
        return self.columns(value, [index])

    def columns(self, value: str, indices: list[int]) -> str:
        """Some columns of a [n, d] value, in the given order."""
        return self.op("Gather", value, self.constant(np.array(indices, np.int64)), axis=1)

    def model(self, outputs: Mapping[str, tuple[str, int, int | str]]) -> onnx.ModelProto:
        """Close the graph.

        Args:
            outputs: public name -> (value, TensorProto element type, width or a name for it).
        """
        made = {node.output[0] for node in self._nodes}
        for name, (value, _, _) in outputs.items():
            # A node costs time: only what is no node's own result is copied.
            if value in made - set(self._names):
                self.name(value, name)
            else:
                self._nodes.append(helper.make_node("Identity", [value], [name]))
        for node in self._nodes:
            node.input[:] = [self._names.get(value, value) for value in node.input]
            node.output[:] = [self._names.get(value, value) for value in node.output]
        graph = helper.make_graph(
            self._nodes,
            "fairlead",
            [helper.make_tensor_value_info(INPUT, TensorProto.DOUBLE, ["n", self.width])],
            [
                helper.make_tensor_value_info(name, kind, ["n", width])
                for name, (_, kind, width) in outputs.items()
            ],
            initializer=self._initializers,
        )
        model = helper.make_model(
            graph,
            producer_name="fairlead",
            opset_imports=[
                helper.make_opsetid("", OPSET),
                helper.make_opsetid("ai.onnx.ml", ML_OPSET),
            ],
            ir_version=IR_VERSION,
        )
        onnx.checker.check_model(model)
        return model


def serialize(model: onnx.ModelProto) -> bytes:
    """The model's bytes; equal models give equal bytes."""
    return bytes(model.SerializeToString(deterministic=True))
