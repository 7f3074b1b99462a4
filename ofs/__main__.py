"""`python -m ofs` is the command `ofs`."""

from __future__ import annotations

import sys

from ofs.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
