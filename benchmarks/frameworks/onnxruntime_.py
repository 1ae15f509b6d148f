"""ONNX Runtime's side of a benchmark: forward passes of a graph that is written from the layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.frameworks import Workload
from benchmarks.networks import (
    NETWORKS,
    Array,
    Average,
    Conv,
    Flatten,
    Layer,
    Linear,
    Network,
    Norm,
    Pool,
    Relu,
    Residual,
    batch_of,
    parameter_shapes,
    weights_of,
)

KINDS = ("infer",)


def describe() -> dict[str, Any]:
    """Version."""
    return {"framework": f"onnxruntime {onnxruntime.__version__}"}


def variants(kind: str, name: str) -> list[str]:
    if NETWORKS[name].tokens:
        return []
    return ["optimised"]


class Graph:
    """Nodes and constants; a value is known by its name."""

    def __init__(self, network: Network) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.weights = iter(weights_of(network))
        self.output = self.chain(network.layers, "input")

    def constant(self, values: Array) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def node(self, op: str, inputs: list[str], **attributes: Any) -> str:
        name = f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def chain(self, layers: tuple[Layer, ...], x: str) -> str:
        for layer in layers:
            x = self.add(layer, x)
        return x

    def add(self, layer: Layer, x: str) -> str:
        inputs = [x] + [self.constant(next(self.weights)) for _ in parameter_shapes(layer)]
        match layer:
            case Linear():
                return self.node("Gemm", inputs, transB=1)
            case Conv():
                op = "ConvTranspose" if layer.transposed else "Conv"
                return self.node(
                    op, inputs, strides=[layer.stride] * 2, pads=[layer.padding] * 4,
                    group=layer.groups, kernel_shape=[layer.kernel] * 2,
                )  # fmt: skip
            case Norm():
                zeros = np.zeros(layer.channels, np.float32)
                inputs += [self.constant(zeros), self.constant(zeros + 1)]
                return self.node("BatchNormalization", inputs, epsilon=1e-5)
            case Relu():
                return self.node("Relu", inputs)
            case Pool():
                sizes = [layer.kernel] * 2
                return self.node("MaxPool", inputs, kernel_shape=sizes, strides=sizes)
            case Average():
                return self.node("GlobalAveragePool", inputs)
            case Flatten():
                return self.node("Flatten", inputs)
            case Residual():
                body = self.chain(layer.body, x)
                return self.node("Add", [body, self.chain(layer.shortcut, x)])
        raise ValueError(f"there is no node for {layer}")


def build(
    kind: str, name: str, variant: str, threads: int, batch: int, seed: int, dtype: str
) -> Workload:
    """The workload of that name."""
    network = NETWORKS[name]
    samples = batch_of(network, batch)[0]
    graph = Graph(network)
    float32 = TensorProto.FLOAT
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            name,
            [helper.make_tensor_value_info("input", float32, samples.shape)],
            [helper.make_tensor_value_info(graph.output, float32, None)],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )

    def forward() -> Any:
        return session.run(None, {"input": samples})

    return Workload(forward, forward)
