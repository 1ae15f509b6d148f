#include "families.h"
namespace cygnet {
void bind_pool(pybind11::module_&) {}
}  // namespace cygnet
