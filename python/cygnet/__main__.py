"""``python -m cygnet``: the command line."""

import sys

from cygnet.cli import main

if __name__ == "__main__":
    sys.exit(main())
