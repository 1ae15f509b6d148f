#include "families.h"
namespace cygnet {
void bind_gather(pybind11::module_&) {}
}  // namespace cygnet
