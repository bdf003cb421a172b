"""The runner of `gdbvm test` (README.md)."""
