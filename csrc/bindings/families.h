// One function a family of kernels: it adds the family's Python functions to the extension.
#pragma once

#include <pybind11/pybind11.h>

namespace cygnet {

void bind_runtime(pybind11::module_& m);
void bind_copy(pybind11::module_& m);
void bind_gemm(pybind11::module_& m);
void bind_attention(pybind11::module_& m);
void bind_conv(pybind11::module_& m);
void bind_pool(pybind11::module_& m);
void bind_elementwise(pybind11::module_& m);
void bind_reduce(pybind11::module_& m);
void bind_scan(pybind11::module_& m);
void bind_softmax(pybind11::module_& m);
void bind_sort(pybind11::module_& m);
void bind_linalg(pybind11::module_& m);
void bind_loss(pybind11::module_& m);
void bind_ctc(pybind11::module_& m);
void bind_random(pybind11::module_& m);
void bind_sampling(pybind11::module_& m);
void bind_gather(pybind11::module_& m);
void bind_grid_sample(pybind11::module_& m);
void bind_pad(pybind11::module_& m);
void bind_resample(pybind11::module_& m);
void bind_norm(pybind11::module_& m);
void bind_norm_rows(pybind11::module_& m);
void bind_optimizer(pybind11::module_& m);
void bind_recording(pybind11::module_& m);
void bind_recurrent(pybind11::module_& m);

}  // namespace cygnet
