"""Views, joins and gathers: copies, so exact."""

from __future__ import annotations

import numpy as np

from tests.op_cases.case import case, labels, op, s, x


def view(name, reference, function, *shapes):
    return case(name, reference, [x(*shape) for shape in shapes], function, exact=True)


CASES = [
    view("reshape", lambda a: a.reshape(4, -1), lambda a: a.reshape(4, -1), (2, 4, 3), (4, 6)),
    view("view", lambda a: a.reshape(-1), lambda a: a.view(-1), (2, 4, 3), ()),
    view("reshape transposed", lambda a: a.T.reshape(-1), lambda a: a.T.reshape(-1), (3, 4), (129, 515)),
    view("flatten", lambda a: a.reshape(a.shape[0], -1), lambda a: a.flatten(1), (2, 3, 4), (1, 2, 3, 4), (2, 1, 1)),
    view("transpose", lambda a: a.swapaxes(0, -1), lambda a: a.transpose(0, -1), (2, 3, 4), (3, 0)),
    view("permute", lambda a: a.transpose(2, 0, 1), lambda a: a.permute(2, 0, 1), (2, 3, 4), (2, 0, 3)),
    view("T", lambda a: a.T, lambda a: a.T, (3, 4)),
    view("unsqueeze", lambda a: a[:, None], lambda a: a.unsqueeze(1), (3,), (3, 4)),
    view("squeeze", lambda a: a.squeeze(1), lambda a: a.squeeze(1), (3, 1), (3, 1, 4)),
    view("index", lambda a: a[1], lambda a: a[1], (3,), (3, 4)),
    view("slice", lambda a: a[1:, ::2], lambda a: a[1:, ::2], (3, 4), (3, 5, 2)),
    view("ellipsis", lambda a: a[..., None, 0], lambda a: a[..., None, 0], (3, 4), (2, 3, 4)),
    case("cat", lambda *a, dim=0: np.concatenate(a, dim), [s(x(2, 3), x(4, 3)), s(x(2, 3), x(2, 1), x(2, 4), dim=1),
         s(x(0, 3), x(2, 3)), s(x(65, 515), x(65, 515), dim=-1)],
         lambda *a, **options: op("cat")(list(a), **options), exact=True),
    case("stack", lambda *a, dim=0: np.stack(a, dim), [s(x(2, 3), x(2, 3)), s(x(2, 3), x(2, 3), dim=-1), s(x(), x())],
         lambda *a, **options: op("stack")(list(a), **options), exact=True),
    case("rows by index", lambda a, i: a[i], [s(x(5, 3), labels(7, below=5)), s(x(5), labels(2, 3, below=5)),
         s(x(5, 3), labels(0, below=5)), s(x(50, 300), labels(400, below=50))], lambda a, i: a[i], exact=True),
    case("gather", lambda a, i, dim: np.take_along_axis(a, i, dim),
         [s(x(5, 3), labels(5, 2, below=3), dim=1), s(x(5, 3), labels(4, 3, below=5), dim=0)],
         lambda a, i, dim: op("gather")(a, dim, i), exact=True),
    case("embedding", lambda i, a: a[i], [s(labels(7, below=5), x(5, 3)), s(labels(2, 3, below=5), x(5, 4)),
         s(labels(0, below=5), x(5, 3)), s(labels(40, 10, below=50), x(50, 300))], exact=True),
]  # fmt: skip
