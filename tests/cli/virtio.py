# What virtio devices do reaches the host's files, sockets and network, and the other way round.
import socket

from cli import *

needs_kvm()
SECTOR = bytes(range(256)) * 2
disk = file("disk", SECTOR + bytes(512) * 3)
status, out, err = run("run", "--gdb", "none", "--drive", f"{disk},if=virtio", guest("virtio64"))
equal((status, err), (0, ""), "disk")
matches(out, "block: 4 sectors")
with open(disk, "rb") as image:
    equal(image.read(), SECTOR + bytes(255 - byte for byte in SECTOR) + bytes(1024), "the disk")
status, out, err = run("run", "--gdb", "none", "--drive", f"{disk},if=virtio,ro", guest("virtio64"))
matches(out, "block: written, status 1")

equal(run("run", "--gdb", "none", "--virtio-console", "stdio", guest("virtio64")), (0, "hello by virtio\n", ""), "stdio")

path = os.path.join(FOLDER, "console")
vm = start("run", "--gdb", "none", "--virtio-console", f"unix:{path}", "--append", "echo", guest("virtio64"))
client = socket.socket(socket.AF_UNIX)
while True:
    try:
        client.connect(path)
        break
    except (FileNotFoundError, ConnectionRefusedError):
        assert vm.poll() is None, vm.stderr.read()
read_until(client.fileno(), "hello by virtio\n")
client.send(b"typed\n")
read_until(client.fileno(), "typed\n")
equal(vm.wait(LIMIT), 0, "exit status")
matches(vm.stdout.read(), "console: 6 bytes typed")

with socket.create_server(("127.0.0.1", 0)) as server:
    forward = f"user,hostfwd=tcp::{server.getsockname()[1]}-:22"
    status, out, err = run("run", "--gdb", "none", "--net", forward, guest("virtio64"))
    equal((status, out, err.count("\n")), (2, "", 1), err)
    matches(err, "forwarding tcp port .* in use")
status, out, err = run("run", "--gdb", "none", "--net", forward, guest("virtio64"))  # now it is free
equal((status, err), (0, ""), "forward")
matches(out, r"offered 10\.0\.2\.15")
