"""`gdbvm test`: python3 vmm/testing/__main__.py ARGS…, with GDBVM=PROGRAM in the environment (README.md)."""
import os
import sys

# What is compiled is kept, but not beside the sources, which may belong to a package.
cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = os.path.join(cache, "gdbvm", "python")
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from testing.cli import main  # noqa: E402

sys.exit(main())
