"""Processes that end with us, whatever happens."""
import asyncio
import contextlib
import ctypes
import os
import signal

_groups = set()  # of what has been started and not yet ended
_prctl = ctypes.CDLL(None).prctl
PR_SET_PDEATHSIG = 1


def _die_with_parent():
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


async def start(command, **how):
    """A process in a session of its own, which the kernel kills when this program is killed."""
    process = await asyncio.create_subprocess_exec(
        *command, start_new_session=True, preexec_fn=_die_with_parent, **how
    )  # fmt: skip
    _groups.add(process.pid)
    return process


async def wait(process, seconds):
    """Its exit status, or None when it has none in time."""
    if process.returncode is not None or not seconds:
        return process.returncode
    try:
        return await asyncio.wait_for(asyncio.shield(process.wait()), seconds)
    except (TimeoutError, asyncio.TimeoutError):
        return None


def kill_group(leader):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


async def end(process, politely=0.0):
    """Ends it with all of its session's first group. `politely`: the seconds that SIGTERM gives it."""
    try:
        if process.returncode is None and politely:
            process.terminate()
            await wait(process, politely)
    finally:
        kill_group(process.pid)
        await process.wait()
        _groups.discard(process.pid)


def kill_all():
    for leader in _groups:
        kill_group(leader)
