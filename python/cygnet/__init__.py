from cygnet import kernels
