"""Makes python/cygnet/data/digits.npz from scikit-learn's copy of the UCI digits.

Usage: python tools/make_digits.py (scikit-learn installed). Two runs give the same bytes.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TARGET = Path(__file__).parent.parent / "python" / "cygnet" / "data" / "digits.npz"


def main() -> None:
    """Write images (1797, 8, 8), 0 to 16, and labels (1797,), both uint8, in a shuffled order."""
    source = load_digits()
    # The legacy generator's stream is frozen, whatever the version of NumPy.
    order = np.random.RandomState(0).permutation(len(source.target))
    np.savez_compressed(
        TARGET,
        images=source.images[order].astype(np.uint8),
        labels=source.target[order].astype(np.uint8),
    )
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
