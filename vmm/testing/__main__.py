"""`gdbvm test`: python3 vmm/testing/__main__.py ARGS…, with GDBVM=PROGRAM in the environment (README.md)."""
import os
import sys

sys.dont_write_bytecode = True  # this folder may belong to a package
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from testing.cli import main  # noqa: E402

sys.exit(main())
