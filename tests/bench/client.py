"""The raw client of both sides: client.c, compiled when first asked for."""
import ctypes
import functools
import os
import pathlib
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


class Cannot(Exception):
    """Why a side can't do a row, as a sentence for the report."""


def compiled(source, target, *options):
    compiler = shutil.which("cc")
    if compiler is None:
        raise Cannot("there is no C compiler")
    subprocess.run([compiler, "-O2", *options, "-o", target, HERE / source], check=True)


@functools.cache
def library():
    with tempfile.TemporaryDirectory(prefix="gdbvm-bench-") as folder:
        compiled("client.c", f"{folder}/client.so", "-shared", "-fPIC")
        loaded = ctypes.CDLL(f"{folder}/client.so", use_errno=True)
    loaded.rsp_exchange.restype = ctypes.c_double
    return loaded


def packet_of(payload):
    return b"$%s#%02x" % (payload, sum(payload) & 0xFF)


def exchange(connection, payloads, rounds=1, acks=False, wanted=b""):
    """Sends each of the payloads when the one before is answered, again and again: (seconds, bytes received). Every reply
    must begin with `wanted`."""
    function = library().rsp_exchange
    packets = [packet_of(payload) for payload in payloads]
    sizes = (ctypes.c_size_t * len(packets))(*map(len, packets))
    received, other = ctypes.c_size_t(), ctypes.create_string_buffer(200)
    seconds = function(connection.fileno(), b"".join(packets), sizes, ctypes.c_size_t(len(packets)), ctypes.c_size_t(rounds),
                       int(acks), wanted, ctypes.byref(received), other, ctypes.c_size_t(len(other)))
    if seconds == -2:
        raise Cannot(f"it answered {other.value.decode('latin-1')}, not {wanted.decode()}…")
    if seconds < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return seconds, received.value
