"""A debugger of few words: for what gdb never sends."""
import socket


class Debugger:
    def __init__(self, endpoint):
        kind, _, where = endpoint.partition(":")
        if kind == "unix":
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(where)
        else:
            host, _, port = where.rpartition(":")
            self.socket = socket.create_connection((host, int(port)))
        self.socket.settimeout(60)
        self.bytes = b""
        self.acks = True  # until the server has agreed to QStartNoAckMode

    def send(self, payload):
        self.socket.sendall(b"$%s#%02x" % (payload.encode(), sum(payload.encode()) & 0xFF))

    def reply(self):
        while self.bytes.count(b"#") == 0 or len(self.bytes) < self.bytes.index(b"#") + 3:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError(f"the connection was closed behind {self.bytes!r}")
            self.bytes += more
        end = self.bytes.index(b"#")
        payload = self.bytes[self.bytes.index(b"$") + 1 : end]
        self.bytes = self.bytes[end + 3 :]
        if self.acks:
            self.socket.sendall(b"+")
        return payload.decode("latin-1")

    def ask(self, payload):
        self.send(payload)
        return self.reply()

    def drop(self):
        self.socket.close()
