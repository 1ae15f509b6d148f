#include "families.h"
namespace cygnet {
void bind_optimizer(pybind11::module_&) {}
}  // namespace cygnet
