"""Bochs as a child process: one PC with three serial ports, ended by its pid whatever happens to us."""

import ctypes
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time
import tty

from image import IPS, LabError

# Both emulate hardware virtualisation with nested paging, and exit to KVM on the guest's int3 when asked to.
CPU_MODELS = {"vmx": "corei7_skylake_x", "svm": "trinity_apu"}

# com1: kernel log · com2: the line a command may use as /dev/ttyS1 · com3: control (see agent.c).
# Bochs is the connecting side, so there is no port to find free. A panic must end it, not ask on its screen.
BOCHSRC = """\
cpu: model={model}, count={cpus}, ips={ips}, reset_on_triple_fault=0
memory: guest={memory}, host={memory}
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=console.log
com2: enabled=1, mode=socket-client, dev=localhost:{line_port}
com3: enabled=1, mode=socket-client, dev=localhost:{control_port}
display_library: term
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
clock: sync=none
log: bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
"""


def die_with_parent():
    """In the child, before exec: the kernel kills it when its parent is gone, however that ended."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Bochs:
    def __init__(self, folder, iso, cpu, cpus, memory):
        self._folder = pathlib.Path(folder)
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        ports = [listener.getsockname()[1] for listener in listeners]
        (self._folder / "bochsrc").write_text(BOCHSRC.format(
            model=CPU_MODELS[cpu], cpus=cpus, ips=IPS, memory=memory, iso=iso,
            line_port=ports[0], control_port=ports[1]))  # fmt: skip
        # Debian's Bochs has its debugger built in and waits for a command: "c" is continue.
        (self._folder / "bochs.rc").write_text("c\n")
        with open(self._folder / "screen.log", "wb") as screen:
            self._process = subprocess.Popen(
                ["bochs", "-q", "-f", "bochsrc", "-rc", "bochs.rc"],
                cwd=self._folder, env={**os.environ, "TERM": "xterm"}, stdin=subprocess.DEVNULL, stdout=screen,
                stderr=screen, start_new_session=True, preexec_fn=die_with_parent)  # fmt: skip
        try:
            self.line, self.control = (self._accept(listener) for listener in listeners)
        except BaseException:
            self.end()
            raise
        finally:
            for listener in listeners:
                listener.close()
        threading.Thread(target=self._drain_screen, daemon=True).start()

    def _drain_screen(self):
        """The display `term` draws on a pseudo terminal of its own, and Bochs stands still once that is full."""
        said = self._folder / "screen.log"
        while not (name := re.search(r'connected to screen "(.*)"', said.read_text(errors="replace"))):
            if not self.running():
                return
            time.sleep(0.1)
        with open(os.open(name[1], os.O_RDWR | os.O_NOCTTY), "rb", buffering=0) as screen:
            tty.setraw(screen)
            try:
                while screen.read(65536):
                    pass
            except OSError:
                pass  # Bochs is gone

    def _accept(self, listener):
        listener.settimeout(20)
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            raise LabError(f"Bochs did not start: see {self._folder}/screen.log and bochs.log") from None
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    @property
    def pid(self):
        return self._process.pid

    def running(self):
        return self._process.poll() is None

    def end(self):
        self._process.kill()
        self._process.wait()


def receive(connection):
    """What came over a serial port. Bochs writes byte by byte into a socket with Nagle's algorithm on: unless every
    read is acknowledged at once, the peer's next byte waits 40 ms."""
    data = connection.recv(65536)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    return data
