#include "families.h"
namespace cygnet {
void bind_random(pybind11::module_&) {}
}  // namespace cygnet
