"""ONNX Runtime's side of a benchmark: forward passes of a graph that is written from the layers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks import recurrent
from benchmarks.frameworks import Workload
from benchmarks.networks import (
    NETWORKS,
    Array,
    Attention,
    Average,
    Conv,
    Embedding,
    Flatten,
    Gelu,
    Layer,
    LayerNorm,
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
from benchmarks.recurrent import RECURRENT, Recurrent

KINDS = ("infer",)


def describe() -> dict[str, Any]:
    """Version."""
    return {"framework": f"onnxruntime {onnxruntime.__version__}"}


def variants(kind: str, name: str) -> list[str]:
    """Of attention ONNX's operators and one operator of the runtime's own."""
    if name in NETWORKS and NETWORKS[name].tokens:
        return ["operators", "fused"]
    return ["operators"]


class Graph:
    """Nodes and constants; a value is known by its name."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: Array) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def node(self, op: str, inputs: list[str], **attributes: Any) -> str:
        name = f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def product(self, x: str, weight: Array, *bias: Array) -> str:
        """The linear layer of sequences, which Gemm does not take."""
        x = self.node("MatMul", [x, self.constant(np.ascontiguousarray(weight.T))])
        return self.node("Add", [x, self.constant(*bias)]) if bias else x

    def session(self, output: str, samples: Array, threads: int) -> Any:
        """A session of the graph from the value "input" to the output."""
        kind = helper.np_dtype_to_tensor_dtype(samples.dtype)
        model = helper.make_model(
            helper.make_graph(
                self.nodes,
                "network",
                [helper.make_tensor_value_info("input", kind, samples.shape)],
                [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
                self.constants,
            ),
            opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)],
            ir_version=9,
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )


class Layers(Graph):
    """The graph of a network."""

    def __init__(self, network: Network, variant: str) -> None:
        super().__init__()
        self.tokens, self.fused = bool(network.tokens), variant == "fused"
        self.length = network.sample[0]
        self.weights = iter(weights_of(network))
        self.output = self.chain(network.layers, "input")

    def chain(self, layers: tuple[Layer, ...], x: str) -> str:
        for layer in layers:
            x = self.add(layer, x)
        return x

    def add(self, layer: Layer, x: str) -> str:
        weights = [next(self.weights) for _ in parameter_shapes(layer)]
        match layer:
            case Linear() if self.tokens:
                return self.product(x, *weights)
            case Embedding():
                tokens = self.node("Gather", [self.constant(weights[0]), x])
                return self.node("Add", [tokens, self.constant(weights[1])])
            case Attention():
                return self.attention(layer, x, weights)
        inputs = [x, *map(self.constant, weights)]
        match layer:
            case Linear():
                return self.node("Gemm", inputs, transB=1)
            case LayerNorm():
                return self.node("LayerNormalization", inputs, epsilon=1e-5)
            case Gelu():
                return self.node("Gelu", inputs)
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

    def attention(self, layer: Attention, x: str, weights: list[Array]) -> str:
        if self.fused:
            inputs = [x, *(self.constant(np.ascontiguousarray(w.T)) for w in weights[:2])]
            options: dict[str, Any] = {"num_heads": layer.heads, "unidirectional": 1}
            mixed = self.node("Attention", inputs, domain="com.microsoft", **options)
            return self.product(mixed, *weights[2:])
        size = layer.width // layer.heads
        sizes = self.constant(np.array([0, 0, 3, layer.heads, size]))
        parts = self.node("Reshape", [self.product(x, *weights[:2]), sizes])
        query, key, value = (
            self.node("Gather", [parts, self.constant(np.array(part))], axis=2) for part in range(3)
        )
        query, value = (self.node("Transpose", [v], perm=[0, 2, 1, 3]) for v in (query, value))
        key = self.node("Transpose", [key], perm=[0, 2, 3, 1])
        scale = self.constant(np.array(size**-0.5, np.float32))
        scores = self.node("Mul", [self.node("MatMul", [query, key]), scale])
        future = np.triu(np.full((self.length, self.length), -np.inf, np.float32), 1)
        scores = self.node("Add", [scores, self.constant(future)])
        mixed = self.node("MatMul", [self.node("Softmax", [scores], axis=-1), value])
        mixed = self.node("Transpose", [mixed], perm=[0, 2, 1, 3])
        flat = self.constant(np.array([0, 0, layer.width]))
        return self.product(self.node("Reshape", [mixed, flat]), *weights[2:])


class Characters(Graph):
    """The graph of a recurrent network; sequences are (steps, batch)."""

    # Which of PyTorch's gates stands where: i, o, f, c and z, r, h.
    ORDERS: ClassVar[dict[str, list[int]]] = {"lstm": [0, 3, 1, 2], "gru": [1, 0, 2], "rnn": [0]}

    def __init__(self, row: Recurrent) -> None:
        super().__init__()
        self.row = row
        weights = iter(recurrent.weights_of(row))
        x = self.node("Gather", [self.constant(next(weights)), "input"])
        for _ in range(row.layers):
            x = self.layer(x, [next(weights) for _ in range(4 * row.directions)])
        self.output = self.product(x, *weights)

    def layer(self, x: str, weights: list[Array]) -> str:
        row, order = self.row, self.ORDERS[self.row.cell]
        w_ih, w_hh, *biases = (
            np.stack([in_order(weights[i], order) for i in range(kind, len(weights), 4)])
            for kind in range(4)
        )
        inputs = [x, *map(self.constant, (w_ih, w_hh, np.concatenate(biases, 1)))]
        options: dict[str, Any] = {"hidden_size": row.hidden}
        if row.bidirectional:
            options["direction"] = "bidirectional"
        if row.cell == "gru":
            options["linear_before_reset"] = 1
        y = self.node(row.cell.upper(), inputs, **options)  # (steps, directions, batch, hidden)
        moved = self.node("Transpose", [y], perm=[0, 2, 1, 3])
        sizes = self.constant(np.array([0, 0, row.directions * row.hidden]))
        return self.node("Reshape", [moved, sizes])


def in_order(weights: Array, order: list[int]) -> Array:
    """The gates in another order."""
    gates = np.split(weights, len(order))
    return np.concatenate([gates[gate] for gate in order])


def build(
    kind: str, name: str, variant: str, threads: int, batch: int, seed: int, dtype: str
) -> Workload:
    """The workload of that name."""
    graph: Layers | Characters
    if name in RECURRENT:
        graph = Characters(RECURRENT[name])
        samples = recurrent.batch_of(RECURRENT[name], batch)[0]
    else:
        graph = Layers(NETWORKS[name], variant)
        samples = batch_of(NETWORKS[name], batch)[0]
    session = graph.session(graph.output, samples, threads)

    def forward() -> Any:
        return session.run(None, {"input": samples})

    return Workload(forward, forward)
