from cygnet._core import native
for _n in dir(native):
    if not _n.startswith('_'): globals()[_n] = getattr(native, _n)
