"""Joins the serial line /dev/ttyS1 of the lab to a local socket that gdb connects to, again and again."""

import os
import select
import socket
import threading
import time

from emulator import receive
from image import LabError


class LineRelay:
    """A thread that owns the line. A client is let in only between open() and close(), one at a time; when it goes,
    the guest sees silence. What the guest says with no client connected is dropped, as on a real cable."""

    def __init__(self, line, path):
        self._line = line
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(4)
        self._client = None
        self._open = False
        self._mark = None  # while draining: the bytes whose return shows that nothing old is left
        self._held = b""
        self._returned = threading.Event()
        self._wake_read, self._wake_write = os.pipe()
        threading.Thread(target=self._run, daemon=True).start()

    def open(self):
        self._open = True
        os.write(self._wake_write, b"o")

    def close(self, deadline):
        """After a command: passes on what is still underway to the client, leaves the line empty both ways."""
        self._open = False
        tries = 0
        while not self._returned.is_set():
            if time.monotonic() > deadline:
                raise LabError("the serial line of the lab does not answer")
            tries += 1
            self._mark = b"\1lab-%d-%d\n" % (time.monotonic_ns(), tries)
            os.write(self._wake_write, b"c")
            self._line.sendall(b"\n" + self._mark)
            self._returned.wait(5)
        self._returned.clear()

    def _run(self):
        while True:
            waiting = [self._line, self._wake_read]
            if self._client:
                waiting += [self._client] if self._open else []
            elif self._open:
                waiting.append(self._listener)
            ready, _, _ = select.select(waiting, [], [])
            if self._wake_read in ready:
                os.read(self._wake_read, 64)
            if self._listener in ready and self._open:
                self._client, _ = self._listener.accept()
                self._client.settimeout(10)  # a client that stops reading must not stop us
            if self._client in ready and self._open:
                self._from_client()
            if self._line in ready and not self._from_line():
                return self._drop_client()

    def _from_client(self):
        try:
            data = self._client.recv(4096)
        except OSError:
            data = b""
        if data:
            self._line.sendall(data)
        else:
            self._drop_client()

    def _from_line(self):
        time.sleep(0.0005)  # Bochs writes single bytes: let a few gather
        try:
            data = receive(self._line)
        except OSError:
            return False
        if self._mark:
            text = self._held + data
            before, found, _ = text.partition(self._mark)
            # The mark is not for the client: hold back what may be its beginning.
            keep = 0 if found else next(n for n in range(len(self._mark), -1, -1) if text.endswith(self._mark[:n]))
            self._held = text[len(text) - keep :]
            self._to_client(before[: len(before) - keep])
            if found:
                self._mark, self._held = None, b""
                self._drop_client()
                self._returned.set()
        else:
            self._to_client(data)
        return bool(data)

    def _to_client(self, data):
        if self._client and data:
            try:
                self._client.sendall(data)
            except OSError:
                self._drop_client()

    def _drop_client(self):
        if self._client:
            self._client.close()
        self._client = None
