"""What a test tells the runner: one JSON object in the file $GDBVM_TEST_REPORT, always the whole truth so far.

  running   the guest runs; `unhit`: the breakpoints that it has not hit
  verdict   "passed", "skipped" or "failed": the test has come to its end; `problems` are [kind, text], `reason` of the skip
  ended     the exit status of the guest, when gdb saw its end and the test did not look at it
  crash     what the guest crashed with, when the test did not look at it; `crashed`: in any case
"""
import json
import os

_file = os.open(os.environ["GDBVM_TEST_REPORT"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
_last = b""
_final = False


def tell(**facts):
    """Replaces what was told; a verdict is the last word. The reader waits for our end, so that it never sees half of it."""
    global _last, _final
    text = json.dumps(facts).encode()
    if text != _last and not _final:
        os.pwrite(_file, text, 0)
        os.ftruncate(_file, len(text))
        _last = text
        _final = "verdict" in facts


def wait_for_vm():
    """Returns when the VM can be reached; while it starts, gdb reads symbols."""
    if not os.read(int(os.environ["GDBVM_TEST_READY"]), 1):
        os._exit(1)  # there is no VM, or no runner
