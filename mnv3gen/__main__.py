"""`python -m mnv3gen` and the console script `mnv3gen`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit: 0, 1 for our own failures, 2 for bad input, 130 for Ctrl-C."""
    from mnv3gen.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
