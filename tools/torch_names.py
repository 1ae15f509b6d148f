"""Writes tests/torch_names.txt: PyTorch's public names that Cygnet is measured by.

Usage: python tools/torch_names.py            (where PyTorch is installed) writes the list
       python tools/torch_names.py --left-out prints each name left out of the list, with its rule
       python tools/torch_names.py --missing  prints the listed names that Cygnet lacks
       python tools/torch_names.py --update   takes out of the table of docs/torch.md the names that
                                              exist by now, and prints those that it lacks

The last two need no PyTorch.

A name is left out if one of `RULES` says so: it is deprecated, sparse, complex, quantized, for
devices other than the CPU, distributed, or no interface for users.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
import types
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LIST = ROOT / "tests" / "torch_names.txt"
DOCUMENT = ROOT / "docs" / "torch.md"
VERSION = "2.13"  # of PyTorch, whose names these are
NAMESPACES = (
    "torch",
    "torch.Tensor",
    "torch.nn",
    "torch.nn.functional",
    "torch.optim",
    "torch.optim.lr_scheduler",
)

# A reason and what it leaves out: words are whole names; a pattern stands between slashes.
RULES: tuple[tuple[str, str], ...] = (
    (
        "deprecated: PyTorch's documents, or the call itself, say to use another name",
        "eig lstsq matrix_rank solve symeig lu range nuclear_norm frobenius_norm cholesky qr svd "
        "triangular_solve lu_solve legacy_contiguous_format set_default_tensor_type trapz "
        "volatile reinforce resize resize_as new name nn.Container nn.NLLLoss2d nn.CrossMapLRN2d "
        "upsample upsample_bilinear upsample_nearest get_file_path has_lapack has_mkl has_openmp "
        "has_spectral output_nr grad_dtype",
    ),
    (
        "sparse, nested and masked tensors",
        "/.*(sparse|coalesce|nested|jagged|_padded_tensor).*/ SparseAdam dense_dim to_dense smm "
        "spmm dsmm hsmm hspmm saddmm sspaddmm masked indices values col_indices crow_indices "
        "ccol_indices row_indices",
    ),
    (
        "complex numbers and transforms into them",
        "/.*complex.*/ cdouble cfloat chalf conj conj_physical conj_physical_ is_conj is_neg real "
        "imag angle isreal polar resolve_conj resolve_neg view_as_real fft stft istft",
    ),
    (
        "quantized numbers and types of a few bits",
        "/.*(quantiz|qparams|_fp16_weight|qscheme).*/ /q_(scale|zero_point|per_channel.*)/ "
        "/qu?int.*/ int_repr /per_(channel|tensor)_.*/ fused_moving_avg_obs_fake_quant ao "
        "/u?int[1-7]/ /bits.*/ bit /float[48]_.*/ qat scaled_mm scaled_grouped_mm grouped_mm "
        "ScalingType SwizzleType",
    ),
    (
        "devices other than the CPU",
        "/.*(cuda|cudnn|mkldnn|miopen|fbgemm|xpu|mps|mtia|xla|hpu|vulkan|maia).*/ /(is_)?ipu/ "
        "Event Stream AcceleratorError OutOfMemoryError accelerator get_device_module "
        "record_stream torch.cpu GradScaler AVG SUM AggregationType",
    ),
    (
        "distributed and between processes",
        "distributed multiprocessing futures Future is_distributed fork wait is_shared "
        "share_memory_ DataParallel SyncBatchNorm parallel",
    ),
    (
        "symbolic shapes, compilers, scripts, graphs and dispatching",
        "/[sS]ym_?[A-Z_].*/ /.*(DispatchKey|Script|TorchFunction|torch_function|ExecutionPlan).*/ "
        "/(?!index_|narrow_).*_copy/ /import_ir.*/ /parse_.*/ "
        "/.*(Graph|Serial|Logger|Benchmark|Guard).*/ /.*Spec/ jit fx compiler export package "
        "library overrides cond while_loop vmap classes ops cpp AliasDb Argument Block BufferDict "
        "CallStack Capsule Code CompilationUnit DeepCopyMemoTable ErrorReport FatalError "
        "FileCheck FunctionSchema Gradient IODescriptor JITException torch.ModuleDict Node "
        "OperatorInfo torch.ParameterDict PyTorchFileReader PyTorchFileWriter StaticModule Tag "
        "TracingState Type Use Value ConcreteModuleTypeBuilder merge_type_from_type_comment "
        "unify_type_list boolean_dispatch BroadcastingList1 BroadcastingList2 BroadcastingList3 "
        "hash_tensor torch.functional dim_order module_load is_inference thread_safe_generator",
    ),
    (
        "storages, typing and what the package's own build and tests use",
        "/.*(Storage|StorageBase|StorageContext|Type)/ storage storage_type untyped_storage "
        "is_storage TYPE_CHECKING PRIVATE_OPS USE_GLOBAL_DEPS USE_RTLD_GLOBAL_WITH_LIBTORCH "
        "classproperty typename compiled_with_cxx11_abi prepare_multiprocessing_environment "
        "init_num_threads testing torch_version version types return_types serialization windows "
        "quasirandom monitor profiler signal hub from_file nn.modules nn.intrinsic "
        "nn.functional.Tensor GRID_SAMPLE_INTERPOLATION_MODES GRID_SAMPLE_PADDING_MODES "
        "assert_int_or_pair reproducibility_notes tf32_notes common_types factory_kwargs "
        "const_data_ptr is_set_to as_subclass torch",
    ),
    (
        "switches inside autocast and anomaly detection, whose contexts are the interface",
        "/.*autocast_.*/ is_anomaly_enabled is_anomaly_check_nan_enabled set_anomaly_enabled",
    ),
    (
        "kernels behind other functions, without documents of their own",
        "/native_.*/ /batch_norm_.+/ /unsafe_.*/ /grid_sampler.*/ affine_grid_generator "
        "convolution conv_tbc constant_pad_nd embedding_renorm_ norm_except_dim slice_inverse "
        "/.*_with_indices/ scalar_tensor binomial segment_reduce feature_dropout feature_dropout_",
    ),
)


def _compiled(words: str) -> re.Pattern[str]:
    parts = [w[1:-1] if w.startswith("/") else re.escape(w) for w in words.split()]
    return re.compile("|".join(f"(?:{part})" for part in parts))


_PATTERNS = [(reason, _compiled(words)) for reason, words in RULES]


def why_left_out(namespace: str, name: str, value: Any) -> str | None:
    """The rule that leaves a name out of the list; None if it belongs to it."""
    if name.startswith("_"):
        return "begins with an underscore"
    if isinstance(value, types.ModuleType) and not value.__name__.startswith("torch"):
        return "a module of another package"
    inside = getattr(value, "__module__", None) or "torch"
    if namespace in ("torch.nn.functional", "torch.optim.lr_scheduler") and not inside.startswith(
        "torch"
    ):
        return "imported from another package"
    short = namespace.removeprefix("torch.")
    for reason, pattern in _PATTERNS:
        if pattern.fullmatch(name) or pattern.fullmatch(f"{short}.{name}"):
            return reason
    return None


def resolved(package: str, namespace: str) -> Any:
    """The module or class of that name in 'torch' or 'cygnet'."""
    path = namespace.replace("torch", package, 1)
    if path.endswith(".Tensor"):
        return importlib.import_module(package).Tensor
    return importlib.import_module(path)


def candidates(namespace: str, place: Any) -> list[str]:
    """All names of a namespace; those it declares, where it does."""
    if namespace.startswith("torch.optim"):
        return sorted(place.__all__)
    return sorted(name for name in dir(place) if not name.startswith("_"))


def listed() -> dict[str, list[str]]:
    """The written list: the names of each namespace."""
    names: dict[str, list[str]] = {}
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            names[line.strip("[]")] = []
        elif line and not line.startswith("#"):
            names[list(names)[-1]].append(line)
    return names


def missing() -> dict[str, list[str]]:
    """The listed names that Cygnet lacks, by namespace."""
    result = {}
    for namespace, names in listed().items():
        place = resolved("cygnet", namespace)
        result[namespace] = [name for name in names if not hasattr(place, name)]
    return result


def public() -> dict[str, list[str]]:
    """The names that the rules leave, by namespace; needs PyTorch."""
    result = {}
    for namespace in NAMESPACES:
        place = resolved("torch", namespace)
        result[namespace] = [
            name
            for name in candidates(namespace, place)
            if why_left_out(namespace, name, getattr(place, name)) is None
        ]
    return result


def write() -> None:
    lines = [f"# PyTorch {VERSION}. Written by tools/torch_names.py. Do not edit."]
    for namespace, names in public().items():
        lines += ["", f"[{namespace}]", *names]
    LIST.write_text("\n".join(lines) + "\n", encoding="utf-8")


def update() -> None:
    """Brings the table of the document up to date, but for reasons that only a person knows."""
    lacking = {namespace: set(names) for namespace, names in missing().items()}
    lines = []
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        row = re.fullmatch(r"\| `([\w.]+)` \| (.*) \| (.*) \|", line)
        if row and row[1] in lacking:
            names = re.findall(r"`(\w+)`", row[2])
            kept = [name for name in names if name in lacking[row[1]]]
            lacking[row[1]] -= set(names)
            if not kept:
                continue
            line = f"| `{row[1]}` | {', '.join(f'`{name}`' for name in kept)} | {row[3]} |"
        lines.append(line)
    DOCUMENT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for namespace, rest in lacking.items():
        if rest:
            print(f"no reason for {namespace}: {' '.join(sorted(rest))}")


def print_left_out() -> None:
    for namespace in NAMESPACES:
        place = resolved("torch", namespace)
        by_reason: dict[str, list[str]] = {}
        for name in candidates(namespace, place):
            reason = why_left_out(namespace, name, getattr(place, name))
            if reason is not None:
                by_reason.setdefault(reason, []).append(name)
        for reason, names in by_reason.items():
            print(f"{namespace}: {reason}:\n    {' '.join(names)}")


def print_missing() -> None:
    names_of = listed()
    for namespace, names in missing().items():
        count = len(names_of[namespace])
        print(f"{namespace}: {count - len(names)} of {count}; without {' '.join(names)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options = {
        "left-out": ("print what the rules leave out", print_left_out),
        "missing": ("print what Cygnet lacks", print_missing),
        "update": ("bring the table of the document up to date", update),
    }
    group = parser.add_mutually_exclusive_group()
    for name, (meaning, action) in options.items():
        group.add_argument(
            f"--{name}", dest="action", action="store_const", const=action, help=meaning
        )
    (parser.parse_args().action or write)()
    return 0


if __name__ == "__main__":
    sys.exit(main())
