"""Recurrent networks: every option beside PyTorch, lengths and packed sequences, bad input."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import numpy as np
import pytest

import cygnet
from cygnet import kernels, nn
from cygnet.kernels import DTypeError, ShapeError
from cygnet.nn.utils import rnn
from tests.op_cases.recurrent import KINDS, network

TOLERANCES = {"float32": 1e-5, "float64": 1e-9}
NETWORKS = {
    "LSTM": {},
    "GRU": {},
    "RNN": {},
    "RNN relu": {"nonlinearity": "relu"},
    "LSTM projected": {"proj_size": 4},
}


@pytest.fixture(name="torch")
def _torch() -> Any:
    return pytest.importorskip("torch", reason="PyTorch, an oracle where it is installed, is not")


def make(library: Any, network_name: str, inputs: int, hidden: int, **options: Any) -> Any:
    """A network of `NETWORKS`."""
    kind = network_name.split()[0]
    return getattr(library.nn, kind)(inputs, hidden, **NETWORKS[network_name], **options)


def both(torch: Any, name: str, *sizes: int, dtype: str = "float64", **options: Any) -> Any:
    """A network of ours and PyTorch's with the same parameters."""
    torch.manual_seed(0)
    theirs = make(torch, name, *sizes, **options).to(getattr(torch, dtype))
    ours = make(cygnet, name, *sizes, **options).to(dtype)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return ours, theirs


def flat(value: Any) -> list[Any]:
    if isinstance(value, rnn.PackedSequence) or type(value).__name__ == "PackedSequence":
        return [value.data]
    return [part for item in value for part in flat(item)] if isinstance(value, tuple) else [value]


def array(tensor: Any) -> np.ndarray:
    return np.array(tensor.detach().numpy())


def outcome(library: Any, module: Any, run: Any, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Results of `run(library, module, *tensors)`, and the gradients of tensors and parameters."""
    tensors = [library.tensor(a, requires_grad=True) for a in arrays]
    results = flat(run(library, module, *tensors))
    generator = np.random.default_rng(5)
    total = 0
    for result in results:
        probe = generator.standard_normal(tuple(result.shape)).astype(arrays[0].dtype)
        total = total + (result * library.tensor(probe)).sum()
    module.zero_grad()
    total.backward()
    wanted = [*tensors, *module.parameters()]
    return [array(r) for r in results] + [
        np.zeros(tuple(t.shape)) if t.grad is None else array(t.grad) for t in wanted
    ]


def check_close(actual: list[np.ndarray], expected: list[np.ndarray], tolerance: float) -> None:
    assert len(actual) == len(expected)
    for k, (a, e) in enumerate(zip(actual, expected, strict=True)):
        assert a.shape == e.shape
        scale = max(1.0, np.abs(e).max(initial=0))
        np.testing.assert_allclose(a, e, rtol=0, atol=tolerance * scale, err_msg=f"result {k}")


def draw(*shape: int, dtype: str = "float64", seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def states_of(name: str, layers: int, batch: tuple[int, ...], hidden: int, dtype: str) -> Any:
    """Initial states: one array, or two."""
    widths = [NETWORKS[name].get("proj_size", hidden), hidden][: 2 if "LSTM" in name else 1]
    return [draw(layers, *batch, width, dtype=dtype, seed=9 + i) for i, width in enumerate(widths)]


def hx_of(states: tuple[Any, ...]) -> Any:
    return states if len(states) > 1 else states[0]


OPTIONS = [
    {},
    {"bias": False},
    {"num_layers": 3},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True, "batch_first": True},
    {"num_layers": 2, "bidirectional": True, "bias": False},
]


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_as_in_torch(torch: Any, name: str, options: dict[str, Any], dtype: str) -> None:
    ours, theirs = both(torch, name, 6, 9, dtype=dtype, **options)
    layers = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    for batch in ((5,), ()):
        lead = (*batch, 7) if options.get("batch_first") else (7, *batch)
        arrays = [draw(*lead, 6, dtype=dtype), *states_of(name, layers, batch, 9, dtype)]

        def with_states(_: Any, net: Any, x: Any, *states: Any) -> Any:
            return net(x, hx_of(states))

        def without(_: Any, net: Any, x: Any) -> Any:
            return net(x)

        for run, given in ((with_states, arrays), (without, arrays[:1])):
            expected = outcome(torch, theirs, run, given)
            check_close(outcome(cygnet, ours, run, given), expected, TOLERANCES[dtype])
            with cygnet.no_grad():
                values = [array(r) for r in flat(run(cygnet, ours, *map(cygnet.tensor, given)))]
            check_close(values, expected[: len(values)], TOLERANCES[dtype])


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("name", NETWORKS)
def test_larger_ones_as_in_torch(torch: Any, name: str, dtype: str) -> None:
    def run(_: Any, net: Any, x: Any) -> Any:
        return net(x)

    for steps, batch, inputs, hidden in ((25, 37, 20, 70), (12, 1, 33, 129), (3, 130, 5, 16)):
        ours, theirs = both(torch, name, inputs, hidden, dtype=dtype, bidirectional=True)
        arrays = [draw(steps, batch, inputs, dtype=dtype)]
        expected = outcome(torch, theirs, run, arrays)
        check_close(outcome(cygnet, ours, run, arrays), expected, TOLERANCES[dtype])


LENGTHS = [3, 7, 1, 7, 4]


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_packed_and_lengths_as_in_torch(
    torch: Any, name: str, batch_first: bool, dtype: str
) -> None:
    options = {"num_layers": 2, "bidirectional": True, "batch_first": batch_first}
    ours, theirs = both(torch, name, 6, 9, dtype=dtype, **options)
    lead = (5, 8) if batch_first else (8, 5)
    arrays = [draw(*lead, 6, dtype=dtype), *states_of(name, 4, (5,), 9, dtype)]

    def packed(library: Any, net: Any, x: Any, *states: Any) -> Any:
        utils = library.nn.utils.rnn
        rows = utils.pack_padded_sequence(x, LENGTHS, batch_first, enforce_sorted=False)
        output, last = net(rows, hx_of(states) if states else None)
        padded, lengths = utils.pad_packed_sequence(output, batch_first, total_length=8)
        assert lengths.tolist() == LENGTHS
        return padded, last

    def by_lengths(_: Any, net: Any, x: Any, *states: Any) -> Any:
        return net(x, hx_of(states) if states else None, lengths=LENGTHS)

    for given in (arrays, arrays[:1]):
        expected = outcome(torch, theirs, packed, given)
        for run in (packed, by_lengths):
            check_close(outcome(cygnet, ours, run, given), expected, TOLERANCES[dtype])


@pytest.mark.parametrize("name", NETWORKS)
def test_lengths_are_runs_of_each_sequence(name: str) -> None:
    cygnet.manual_seed(1)
    net = make(cygnet, name, 4, 6, num_layers=2, bidirectional=True, dtype="float64")
    x = cygnet.tensor(draw(7, 5, 4))
    states = [cygnet.tensor(s) for s in states_of(name, 4, (5,), 6, "float64")]
    output, last = net(x, hx_of(tuple(states)), cygnet.tensor(LENGTHS))
    for n, length in enumerate(LENGTHS):
        own = hx_of(tuple(state[:, n] for state in states))
        one, one_last = net(x[:length, n], own)
        check_close([array(output[:length, n])], [array(one)], 1e-14)
        assert not array(output[length:, n]).any()
        ends = [array(state[:, n]) for state in flat(last)]
        check_close(ends, [array(state) for state in flat(one_last)], 1e-14)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_padding_and_threads_change_no_bit(name: str, batch_first: bool) -> None:
    cygnet.manual_seed(1)
    options = {"num_layers": 2, "bidirectional": True, "batch_first": batch_first}
    net = make(cygnet, name, 19, 50, **options)
    lengths = [11, 4, 9, 1, 11, 2, 7, 7, 3]

    def run(_: Any, net: Any, x: Any) -> Any:
        output, last = net(x, lengths=lengths)
        beyond = output[:, 11:] if batch_first else output[11:]
        assert not array(beyond).any()
        return output[:, :11] if batch_first else output[:11], last

    results = []
    for width, threads in ((11, 1), (11, 2), (11, 3), (12, 2), (30, 2)):
        x = np.full((len(lengths), width, 19), np.nan, np.float32)
        for n, length in enumerate(lengths):
            x[n, :length] = draw(length, 19, dtype="float32", seed=n)
        kernels.set_num_threads(threads)
        found = outcome(cygnet, net, run, [x if batch_first else x.swapaxes(0, 1).copy()])
        by_input = found.pop(3 if "LSTM" in name else 2)  # after the results
        by_sequence = by_input if batch_first else by_input.swapaxes(0, 1)
        assert not any(by_sequence[n, length:].any() for n, length in enumerate(lengths))
        results.append([*found, by_sequence[:, :11]])
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("batch", "hidden"), [(1, 256), (3, 384), (9, 448)])
@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_threads_that_share_the_units(name: str, batch: int, hidden: int) -> None:
    """Few sequences: after each step threads wait for each other; here also more than processors."""
    cygnet.manual_seed(1)
    net = make(cygnet, name, 20, hidden)
    x = draw(12, batch, 20, dtype="float32")
    results = []
    for threads in (1, 2, 3, 9):
        kernels.set_num_threads(threads)
        results.append(outcome(cygnet, net, lambda _, net, x: net(x), [x]))
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_as_the_equations(name: str) -> None:
    """Also where PyTorch is not there: a batch of more sizes than the table of op cases has."""
    net = make(cygnet, name, 5, 37, num_layers=2, bidirectional=True, dtype="float64")
    step = KINDS["rnn_tanh" if name == "RNN" else name.lower()][0]
    x, states = draw(6, 21, 5), states_of(name, 4, (21,), 37, "float64")
    output, last = net(cygnet.tensor(x), hx_of(tuple(map(cygnet.tensor, states))))
    weights = [array(p) for p in net.parameters()]
    expected = network(step, x, states, weights, directions=2)
    check_close([array(r) for r in (output, *flat(last))], list(expected), 1e-13)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_loop_of_cells_is_a_network(name: str) -> None:
    if name == "LSTM projected":
        pytest.skip("cells have no projection")
    net = make(cygnet, name, 4, 6, dtype="float64")
    kind = name.split()[0]
    cell = getattr(nn, f"{kind}Cell")(4, 6, **NETWORKS[name], dtype="float64")
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in net.state_dict().items()})
    x = cygnet.tensor(draw(5, 3, 4))
    output, _ = net(x)
    for context in (contextlib.nullcontext(), cygnet.no_grad()):
        with context:
            state = None
            for t in range(5):
                state = cell(x[t], state)
                check_close([array(flat(state)[0])], [array(output[t])], 1e-14)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_a_step_into_given_tensors(name: str) -> None:
    cell = getattr(nn, f"{name}Cell")(4, 6)
    x = cygnet.tensor(draw(3, 4, dtype="float32"))
    expected = state = None
    for batch in ((3,), ()):
        given = x if batch else x[0]
        state = hx_of(tuple(cygnet.zeros(*batch, 6) for _ in range(1 + (name == "LSTM"))))
        expected = cell(given, cell(given))
        with pytest.raises(RuntimeError, match=f"{name}Cell: out must be None"):
            cell(given, state, out=state)
        memory = [part.data_ptr() for part in flat(state)]
        saved = (cygnet.ones(6, requires_grad=True) * flat(state)[0]).sum()
        with cygnet.no_grad():
            for _ in range(2):
                result = cell(given, state, out=state)
                assert all(a is b for a, b in zip(flat(result), flat(state), strict=True))
        check_close([array(s) for s in flat(state)], [array(e) for e in flat(expected)], 1e-6)
        assert [part.data_ptr() for part in flat(state)] == memory
        with pytest.raises(RuntimeError, match="modified in place"):
            saved.backward()


def test_dropout_is_between_layers_in_training() -> None:
    cygnet.manual_seed(0)
    x = cygnet.randn(4, 50, 3)
    net = nn.GRU(3, 40, 2, dropout=0.4)
    first, second = net(x)[0], net(x)[0]
    assert (array(first) != array(second)).any()
    evaluated = array(net.eval()(x)[0])
    np.testing.assert_array_equal(evaluated, array(net(x)[0]))
    everything = nn.GRU(3, 40, 2, dropout=1.0)
    everything.load_state_dict(net.state_dict())
    upper = nn.GRU(40, 40)
    upper.load_state_dict(
        {k.replace("l1", "l0"): v for k, v in net.state_dict().items() if "l1" in k}
    )
    zeros = upper(cygnet.zeros(4, 50, 40))[0]
    np.testing.assert_array_equal(array(everything(x)[0]), array(zeros))
    lower = nn.GRU(3, 40)
    lower.load_state_dict({k: v for k, v in net.state_dict().items() if "l0" in k})
    weights = [*lower.parameters(), *upper.parameters()]
    output, _ = cygnet.gru(x, cygnet.zeros(2, 50, 40), weights, True, 2, 0.4, False, False)
    np.testing.assert_array_equal(array(output), evaluated)


def test_the_seed_decides_what_is_dropped() -> None:
    net = nn.LSTM(3, 8, 3, dropout=0.5)
    x = cygnet.randn(4, 2, 3)
    outputs = []
    for _ in range(2):
        cygnet.manual_seed(7)
        outputs.append(array(net(x)[0]))
    np.testing.assert_array_equal(*outputs)


STATES = [
    {},
    {"num_layers": 2, "bidirectional": True},
    {"bias": False, "batch_first": True, "num_layers": 2, "dropout": 0.5},
]


@pytest.mark.parametrize("options", STATES, ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_state_and_printed_form_are_torchs(torch: Any, name: str, options: Any) -> None:
    ours, theirs = make(cygnet, name, 5, 7, **options), make(torch, name, 5, 7, **options)
    assert repr(ours) == repr(theirs)
    shapes = [(k, tuple(v.shape)) for k, v in theirs.state_dict().items()]
    assert [(k, tuple(v.shape)) for k, v in ours.state_dict().items()] == shapes
    assert ours._all_weights == theirs._all_weights
    assert [len(w) for w in ours.all_weights] == [len(w) for w in theirs.all_weights]
    theirs.load_state_dict({k: torch.tensor(array(v)) for k, v in ours.state_dict().items()})
    x = draw(3, 4, 5, dtype="float32")
    expected = theirs.eval()(torch.tensor(x))[0].detach().numpy()
    check_close([array(ours.eval()(cygnet.tensor(x))[0])], [expected], 1e-5)
    for attribute in ("mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first",
                      "dropout", "bidirectional", "proj_size"):  # fmt: skip
        assert getattr(ours, attribute) == getattr(theirs, attribute)


def test_initial_weights_are_uniform() -> None:
    net = nn.LSTM(50, 100)
    for parameter in net.parameters():
        values = array(parameter)
        assert np.abs(values).max() <= 0.1
        assert abs(values.std() - 0.1 / np.sqrt(3)) < 0.004
    before = array(net.weight_ih_l0)
    net.reset_parameters()
    assert (before != array(net.weight_ih_l0)).all()
    net.flatten_parameters()


def test_copies_and_other_parameters() -> None:
    net = nn.RNNBase("GRU", 3, 4)
    x = cygnet.randn(2, 5, 3)
    expected = array(net(x)[0])
    np.testing.assert_array_equal(array(copy.deepcopy(net)(x)[0]), expected)
    zeros = {name: cygnet.zeros_like(p) for name, p in net.named_parameters()}
    assert not array(cygnet.func.functional_call(net, zeros, (x,))[0]).any()


def test_second_derivatives_through_lengths() -> None:
    net = nn.GRU(1, 2, dtype="float64")
    x = cygnet.tensor(draw(2, 2, 1), requires_grad=True)
    hx = cygnet.tensor(draw(1, 2, 2, seed=1), requires_grad=True)
    names, weights = zip(*net.named_parameters(), strict=True)

    def of(x: Any, hx: Any, *weights: Any) -> Any:
        given = dict(zip(names, weights, strict=True))
        return cygnet.func.functional_call(net, given, (x, hx, [1, 2]))

    assert cygnet.autograd.gradcheck(of, (x, hx, *weights))
    assert cygnet.autograd.gradgradcheck(of, (x, hx, *weights))


def test_gradients_of_a_result_alone() -> None:
    """Each of output and states may be the only one that has a gradient, as may each argument."""
    net = nn.LSTM(2, 3, dtype="float64")
    x, h, c = (cygnet.tensor(draw(*shape)) for shape in ((4, 2, 2), (1, 2, 3), (1, 2, 3)))
    for k in range(3):
        for wanted in (x, h, c, net.weight_hh_l0, net.bias_ih_l0):
            given = [x, h, c, *net.parameters()]
            for tensor in given:
                tensor.requires_grad_(tensor is wanted)
            result = flat(net(x, (h, c)))[k]
            (gradient,) = cygnet.autograd.grad(result.sum(), wanted)
            numeric = np.zeros(wanted.shape)
            values = wanted.detach().numpy()
            for place in np.ndindex(*wanted.shape):
                sides = []
                before = values[place]
                for sign in (1, -1):
                    values[place] = before + sign * 1e-6
                    sides.append(flat(net(x, (h, c)))[k].sum().item())
                values[place] = before
                numeric[place] = (sides[0] - sides[1]) / 2e-6
            np.testing.assert_allclose(array(gradient), numeric, atol=1e-8)


def test_a_changed_output_is_noticed() -> None:
    net = nn.GRU(2, 3)
    output, _ = net(cygnet.randn(4, 2, 2))
    loss = (output * output).sum()
    with cygnet.no_grad():
        output.zero_()
    with pytest.raises(RuntimeError, match="modified in place"):
        loss.backward()


def test_lengths_in_a_recording() -> None:
    net = nn.GRU(2, 3)
    x = draw(4, 2, 2, dtype="float32")
    given = cygnet.as_tensor(x)
    with kernels.Recording() as recording:
        output, _ = net(given, lengths=[2, 4])
        with pytest.raises(RuntimeError, match="GRU: a value cannot be read"):
            net(given, lengths=cygnet.tensor([2, 4]))
    x[...] = draw(4, 2, 2, dtype="float32", seed=3)
    recording.replay()
    np.testing.assert_array_equal(array(output), array(net(cygnet.tensor(x), lengths=[2, 4])[0]))


def test_packed_sequences_as_in_torch(torch: Any) -> None:
    x = draw(5, 4, 3)
    for batch_first in (False, True):
        given = x.swapaxes(0, 1).copy() if batch_first else x
        for lengths, enforce in (([5, 3, 3, 1], True), ([2, 5, 1, 5], False), ([4, 4, 2, 2], True)):
            results = []
            for library in (cygnet, torch):
                utils, tensor = library.nn.utils.rnn, library.tensor(given, requires_grad=True)
                p = utils.pack_padded_sequence(
                    tensor, library.tensor(lengths), batch_first, enforce
                )
                padded, back = utils.pad_packed_sequence(p, batch_first, -1.5, 6)
                sequences = utils.unpack_sequence(p)
                again = utils.pack_sequence(sequences, enforce)
                (padded**2).sum().backward()
                parts = [p.data, p.batch_sizes, padded, back, again.data, *sequences, tensor.grad]
                if not enforce:
                    parts += [p.sorted_indices, p.unsorted_indices]
                else:
                    assert p.sorted_indices is None and p.unsorted_indices is None
                results.append([array(part) for part in parts])
            for mine, theirs in zip(*results, strict=True):
                np.testing.assert_array_equal(mine, theirs)
                assert mine.dtype == theirs.dtype


@pytest.mark.parametrize("options", [
    {}, {"batch_first": True}, {"padding_value": -2.0}, {"padding_side": "left"},
    {"batch_first": True, "padding_side": "left", "padding_value": 1.0},
], ids=str)  # fmt: skip
def test_pad_sequence_as_in_torch(torch: Any, options: Any) -> None:
    for shape in ((), (2,), (0,), (2, 3)):
        arrays = [draw(length, *shape, seed=length) for length in (2, 0, 5, 1)]
        results = []
        for library in (cygnet, torch):
            parts = [library.tensor(a, requires_grad=True) for a in arrays]
            padded = library.nn.utils.rnn.pad_sequence(parts, **options)
            (padded**2).sum().backward()
            results.append([array(padded), *(array(part.grad) for part in parts)])
        for mine, theirs in zip(*results, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    labels = [np.arange(3), np.arange(1)]
    mine = rnn.pad_sequence([cygnet.tensor(a) for a in labels], padding_value=-100)
    theirs = torch.nn.utils.rnn.pad_sequence([torch.tensor(a) for a in labels], padding_value=-100)
    np.testing.assert_array_equal(array(mine), theirs.numpy())
    assert mine.dtype == np.int64


def test_what_a_packed_sequence_can_do() -> None:
    p = rnn.pack_sequence([cygnet.ones(2, 3), cygnet.ones(4, 3)], enforce_sorted=False)
    data, batch_sizes, order, back = p
    assert (data.shape, batch_sizes.tolist()) == ((6, 3), [2, 2, 1, 1])
    assert order.tolist() == back.tolist() == [1, 0]
    assert p.double().data.dtype == np.float64 and p.double().float().data.dtype == np.float32
    assert p.long().data.dtype == np.int64 and p.int().data.dtype == np.int32
    assert p.to("float64").data.dtype == np.float64 and p.to(cygnet.float32) is p
    assert p.cpu() is p and p.pin_memory() is p and not p.is_cuda and not p.is_pinned()
    with pytest.raises(RuntimeError):
        p.cuda()
    pair = rnn.PackedSequence((data, batch_sizes))
    assert pair.data is data and pair.sorted_indices is None and pair.unsorted_indices is None
    given = rnn.PackedSequence(data, batch_sizes, cygnet.tensor([2, 0, 1]))
    assert given.unsorted_indices.tolist() == [1, 2, 0]
    assert repr(pair).startswith("PackedSequence(data=tensor(")
    assert rnn.invert_permutation(None) is None


X = cygnet.zeros(5, 2, 3)
LSTM, GRU = nn.LSTM(3, 4), nn.GRU(3, 4, batch_first=True)
BIAS, W = cygnet.zeros(12), [cygnet.zeros(12, 3), cygnet.zeros(12, 4)]


def zeros(*shape: int, dtype: str = "float32") -> Any:
    return cygnet.zeros(*shape, dtype=dtype)


BAD = [
    (lambda: LSTM(zeros(2, 3, 4)), ShapeError, r"LSTM: input has shape .*expected \(T, N, 3\)"),
    (lambda: GRU(zeros(2, 3, 4)), ShapeError, r"GRU: input has shape \(2, 3, 4\), expected \(N, T, 3\)"),
    (lambda: LSTM(zeros(3)), ShapeError, r"LSTM: input has shape \(3,\), expected 2 or 3 dimensions"),
    (lambda: LSTM(zeros(0, 2, 3)), ShapeError, "LSTM: input has no step"),
    (lambda: LSTM(zeros(0, 3)), ShapeError, "LSTM: input has no step"),
    (lambda: GRU(zeros(2, 0, 3)), ShapeError, "GRU: input has no step"),
    (lambda: LSTM(zeros(5, 2, 3, dtype="float64")), DTypeError, "LSTM: input is float64, expected float32"),
    (lambda: LSTM(zeros(5, 2, 3, dtype="int64")), DTypeError, "LSTM: input is int64, expected float32"),
    (lambda: LSTM(X, zeros(1, 2, 4)), TypeError, "LSTM: hx expected 2 tensors"),
    (lambda: LSTM(X, (zeros(1, 2, 4),)), TypeError, "LSTM: hx expected 2 tensors"),
    (lambda: LSTM(X, (zeros(1, 2, 4), 3)), TypeError, "LSTM: c_0 must be a Tensor, got int"),
    (lambda: GRU(X, (zeros(1, 5, 4),)), TypeError, "GRU: hx must be a Tensor, got tuple"),
    (lambda: LSTM(X, (zeros(1, 2, 4), zeros(1, 2, 5))), ShapeError, r"LSTM: c_0 has shape \(1, 2, 5\), expected \(1, 2, 4\)"),
    (lambda: LSTM(X, (zeros(2, 4), zeros(1, 2, 4))), ShapeError, "LSTM: h_0 has shape"),
    (lambda: GRU(X, zeros(1, 2, 4)), ShapeError, r"GRU: hx has shape \(1, 2, 4\), expected \(1, 5, 4\)"),
    (lambda: GRU(X, zeros(1, 5, 4, dtype="float64")), DTypeError, "GRU: hx is float64, expected float32"),
    (lambda: GRU(zeros(5, 3), zeros(1, 1, 4)), ShapeError, r"GRU: hx has shape \(1, 1, 4\), expected 2 dimensions"),
    (lambda: LSTM(X, lengths=[5, 0]), ValueError, "LSTM: lengths are .*expected integers from 1 to 5"),
    (lambda: LSTM(X, lengths=[-1, 2]), ValueError, "LSTM: lengths are"),
    (lambda: LSTM(X, lengths=[6, 2]), ValueError, "LSTM: lengths are"),
    (lambda: LSTM(X, lengths=[2.5, 2]), ValueError, "LSTM: lengths are"),
    (lambda: LSTM(X, lengths=[2]), ShapeError, r"LSTM: lengths have shape \(1,\), expected \(2,\)"),
    (lambda: LSTM(X, lengths=cygnet.tensor([[2, 2]])), ShapeError, "LSTM: lengths have shape"),
    (lambda: LSTM(X, lengths=[True, True]), DTypeError, "LSTM: lengths are bool"),
    (lambda: LSTM(X, lengths=5), ShapeError, "LSTM: lengths have shape"),
    (lambda: LSTM(zeros(5, 0, 3), lengths=[]), ShapeError, "LSTM: lengths are empty"),
    (lambda: LSTM(zeros(5, 3), lengths=[5]), ShapeError, "LSTM: input has shape .* as lengths are given"),
    (lambda: LSTM(X, (zeros(1, 3, 4), zeros(1, 3, 4)), [5, 2]), ShapeError, "LSTM: h_0 has shape"),
    (lambda: LSTM(X, (zeros(1, 4), zeros(1, 4)), [5, 2]), ShapeError, "LSTM: h_0 has shape"),
    (lambda: LSTM(rnn.PackedSequence(X[0], cygnet.tensor([2])), lengths=[1, 1]), ValueError, "LSTM: lengths must be None"),
    (lambda: LSTM(rnn.PackedSequence(X[0], cygnet.tensor([1, 2]))), ValueError, "LSTM: batch_sizes are"),
    (lambda: LSTM(rnn.PackedSequence(X[0], cygnet.tensor([2, 1]))), ValueError, "LSTM: batch_sizes are"),
    (lambda: LSTM(rnn.PackedSequence(X[0], cygnet.tensor([2, 0]))), ValueError, "LSTM: batch_sizes are"),
    (lambda: LSTM(rnn.PackedSequence(X[0], cygnet.tensor([2.0]))), ShapeError, "LSTM: batch_sizes is float32"),
    (lambda: LSTM(rnn.PackedSequence(X, cygnet.tensor([5]))), ShapeError, r"LSTM: input has shape \(5, 2, 3\), expected \(rows, 3\)"),
    (lambda: nn.LSTM(0, 3), ValueError, "LSTM: argument input_size expected at least 1, got 0"),
    (lambda: nn.LSTM(3.0, 3), TypeError, "LSTM: argument input_size expected an int, got float"),
    (lambda: nn.LSTM(3, 3, 0), ValueError, "LSTM: argument num_layers expected at least 1, got 0"),
    (lambda: nn.LSTM(3, 3, bias=1), TypeError, "LSTM: argument bias expected a bool, got int"),
    (lambda: nn.LSTM(3, 3, batch_first=0), TypeError, "LSTM: argument batch_first expected a bool"),
    (lambda: nn.GRU(3, 3, 2, dropout=1.5), ValueError, r"GRU: argument dropout expected a probability in \[0, 1\], got 1.5"),
    (lambda: nn.GRU(3, 3, 2, dropout=True), ValueError, "GRU: argument dropout"),
    (lambda: nn.LSTM(3, 3, proj_size=3), ValueError, "LSTM: argument proj_size expected less than hidden_size"),
    (lambda: nn.LSTM(3, 3, proj_size=-1), ValueError, "LSTM: argument proj_size expected at least 0"),
    (lambda: nn.GRU(3, 3, proj_size=2), ValueError, "GRU: argument proj_size expected 0, got 2"),
    (lambda: nn.RNN(3, 3, nonlinearity="elu"), ValueError, "RNN: nonlinearity is 'elu', expected 'tanh' or 'relu'"),
    (lambda: nn.RNNBase("ELMAN", 3, 3), ValueError, "RNNBase: mode is 'ELMAN'"),
    (lambda: nn.LSTM(3, 3, dtype="int64"), DTypeError, "LSTM: argument dtype"),
    (lambda: cygnet.gru(zeros(5, 2, 3), zeros(1, 2, 4), W, True, 1, 0.0, False, False), ValueError, "gru: params are 2 tensors, expected 4 for each"),
    (lambda: cygnet.gru(zeros(5, 2, 3), zeros(1, 2, 4), [], True, 0, 0.0, False, False), ValueError, "gru: params are 0 tensors"),
    (lambda: cygnet.gru(zeros(5, 2, 3), zeros(1, 2, 4), [BIAS, BIAS], False, 1, 0.0, False, False), ShapeError, r"gru: params\[0\] has shape \(12,\)"),
    (lambda: cygnet.gru(zeros(5, 2, 3), zeros(1, 2, 4), [W[0], 3], False, 1, 0.0, False, False), TypeError, r"gru: params\[1\] must be a Tensor"),
    (lambda: cygnet.gru(zeros(5, 2, 3), zeros(1, 2, 4), [W[0], W[0]], False, 1, 0.0, False, False), ShapeError, "gru"),
    (lambda: cygnet.lstm(zeros(5, 2, 3), zeros(1, 2, 3), W, False, 1, 0.0, False, False), TypeError, "lstm: hx expected 2 tensors"),
    (lambda: cygnet.gru_cell(zeros(2, 3), zeros(2, 5), *W), ShapeError, r"gru_cell: hx has shape \(2, 5\), expected \(2, 4\)"),
    (lambda: cygnet.gru_cell(zeros(2, 4), zeros(2, 4), *W), ShapeError, r"gru_cell: input has shape \(2, 4\), expected \(N, 3\)"),
    (lambda: cygnet.gru_cell(zeros(2, 3), zeros(2, 4), BIAS, W[1]), ShapeError, "gru_cell: w_ih has shape"),
    (lambda: cygnet.gru_cell(zeros(2, 3, dtype="float64"), zeros(2, 4), *W), DTypeError, "gru_cell: input is float64, expected float32"),
    (lambda: cygnet.gru_cell(zeros(2, 3), zeros(2, 4), *W, BIAS), ValueError, "has one bias, expected both or none"),
    (lambda: nn.LSTMCell(3, 4)(zeros(2, 3), zeros(2, 4)), TypeError, "LSTMCell: hx expected 2 tensors in a tuple, got Tensor"),
    (lambda: nn.LSTMCell(3, 4)(zeros(2, 3), (zeros(2, 4),) * 3), TypeError, "LSTMCell: hx expected 2 tensors"),
    (lambda: nn.LSTMCell(3, 4)(zeros(2, 3), out=zeros(2, 4)), TypeError, "LSTMCell: out expected 2 tensors"),
    (lambda: nn.GRUCell(3, 4)(zeros(2, 3), zeros(4)), ShapeError, r"GRUCell: hx has shape \(4,\), expected \(2, 4\)"),
    (lambda: nn.GRUCell(3, 4)(zeros(2, 3), out=zeros(4)), ShapeError, r"GRUCell: hx has shape \(4,\), expected \(2, 4\)"),
    (lambda: nn.GRUCell(3, 4)(zeros(1, 2, 3)), ShapeError, "GRUCell: input has shape"),
    (lambda: rnn.pack_padded_sequence(X, [2, 5]), ValueError, "pack_padded_sequence: lengths are .*expected falling ones"),
    (lambda: rnn.pack_padded_sequence(X, [6, 5]), ValueError, "pack_padded_sequence: lengths are .*from 1 to 5"),
    (lambda: rnn.pack_padded_sequence(X, [5, 0]), ValueError, "pack_padded_sequence: lengths are"),
    (lambda: rnn.pack_padded_sequence(X, [5]), ShapeError, "pack_padded_sequence: lengths have shape"),
    (lambda: rnn.pack_padded_sequence(zeros(5), [5]), ShapeError, "pack_padded_sequence: input has shape"),
    (lambda: rnn.pack_padded_sequence(zeros(0, 2), [1, 1]), ValueError, "pack_padded_sequence: lengths are"),
    (lambda: rnn.pad_packed_sequence(X), TypeError, "pad_packed_sequence: sequence must be a PackedSequence, got Tensor"),
    (lambda: rnn.pad_packed_sequence(rnn.pack_padded_sequence(X, [3, 2]), total_length=2), ValueError, "pad_packed_sequence: total_length is 2, expected at least 3"),
    (lambda: rnn.pad_packed_sequence(rnn.PackedSequence(X, cygnet.tensor([2, 4]))), ValueError, "pad_packed_sequence: batch_sizes are"),
    (lambda: rnn.pad_sequence([]), ValueError, "pad_sequence: sequences are empty"),
    (lambda: rnn.pad_sequence([zeros(2, 3), zeros(2, 4)]), ShapeError, r"pad_sequence: sequences\[1\] has shape"),
    (lambda: rnn.pad_sequence([cygnet.tensor(1.0)]), ShapeError, r"pad_sequence: sequences\[0\] has shape"),
    (lambda: rnn.pad_sequence([[1, 2]]), TypeError, r"pad_sequence: sequences\[0\] must be a Tensor"),
    (lambda: rnn.pad_sequence([zeros(2)], padding_side="both"), ValueError, "pad_sequence: padding_side is 'both'"),
    (lambda: rnn.pack_sequence([]), ValueError, "pack_sequence: sequences are empty"),
    (lambda: rnn.unpad_sequence(zeros(4), [4]), ShapeError, "unpad_sequence: padded_sequences has shape"),
    (lambda: rnn.unpad_sequence(X, [6, 1]), ValueError, "unpad_sequence: lengths are"),
    (lambda: rnn.PackedSequence(zeros(3)), TypeError, "PackedSequence: data must be a pair"),
    (lambda: rnn.invert_permutation(cygnet.tensor([[0]])), ShapeError, "invert_permutation: permutation has shape"),
    (lambda: rnn.invert_permutation(cygnet.tensor([0, 5])), IndexError, "5"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), BAD, ids=[row[2][:60] for row in BAD])
def test_bad_input(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()


def test_dropout_of_one_layer_warns() -> None:
    with pytest.warns(UserWarning, match=r"LSTM: dropout=0\.5 has no effect"):
        nn.LSTM(3, 4, dropout=0.5)


def test_cells_have_a_common_base():
    cell = nn.RNNCellBase(3, 4, bias=True, num_chunks=2)
    assert {name: value.shape for name, value in cell.named_parameters()} == {
        "weight_ih": (8, 3),
        "weight_hh": (8, 4),
        "bias_ih": (8,),
        "bias_hh": (8,),
    }
    assert all(isinstance(each(3, 4), nn.RNNCellBase) for each in (nn.RNNCell, nn.LSTMCell))
    with pytest.raises(ValueError, match="RNNCellBase: argument num_chunks expected at least 1"):
        nn.RNNCellBase(3, 4, True, 0)
