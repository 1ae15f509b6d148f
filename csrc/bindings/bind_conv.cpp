#include "families.h"
namespace cygnet {
void bind_conv(pybind11::module_&) {}
}  // namespace cygnet
