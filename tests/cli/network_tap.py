# The guest's frames pass a tap interface both ways: this test is the router that the guest asks for an address.
# Skipped without the right to make one.
import fcntl
import socket
import struct

from cli import *

needs_kvm()
NAME = f"gdbvm{os.getpid()}"
TUNSETIFF, TUNSETPERSIST, SIOCSIFFLAGS = 0x400454CA, 0x400454CB, 0x8914
TAP_WITHOUT_HEADER, UP, EVERY_PROTOCOL = 0x1002, 1, 3
RTM_DELLINK, NLM_F_REQUEST = 17, 1
ROUTER_MAC = bytes.fromhex("02000000aabb")
GUEST_IP, ROUTER_IP = bytes([192, 168, 77, 2]), bytes([192, 168, 77, 1])

try:
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", NAME.encode(), TAP_WITHOUT_HEADER))
    fcntl.ioctl(tap, TUNSETPERSIST, 1)  # until the guest has it
except OSError as error:
    print(f"SKIPPED: no tap interface can be made here: {error}")
    sys.exit(77)
os.close(tap)
vm = None
try:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH22x", NAME.encode(), UP))
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY_PROTOCOL))
    wire.bind((NAME, 0))
    wire.settimeout(LIMIT)
    vm = start("run", "--gdb", "none", "--net", f"tap,ifname={NAME},mac=02:00:00:00:00:07", guest("virtio64"))

    def frame_of_guest(kind):
        """The next frame of this Ethernet type; the host's own stack is on the wire, too."""
        while True:
            frame = wire.recv(2048)
            if frame[6:14] == bytes.fromhex("020000000007") + struct.pack(">H", kind):
                return frame

    discover = frame_of_guest(0x0800)
    equal(discover[36:38], struct.pack(">H", 67), "the DHCP server's port")
    options = bytes.fromhex("63825363 350102 0304") + ROUTER_IP + b"\xff"
    dhcp = b"\x02" + discover[43:58] + GUEST_IP + bytes(8) + discover[70:278] + options
    udp = struct.pack(">HHHH", 67, 68, 8 + len(dhcp), 0) + dhcp
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + ROUTER_IP + b"\xff" * 4
    wire.send(b"\xff" * 6 + ROUTER_MAC + b"\x08\x00" + ip + udp)

    asked = frame_of_guest(0x0806)
    equal(asked[38:42], ROUTER_IP, "the address asked for")
    answer = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2) + ROUTER_MAC + ROUTER_IP + asked[22:32]
    wire.send(asked[6:12] + ROUTER_MAC + b"\x08\x06" + answer)
    out, err = vm.communicate(timeout=LIMIT)
    equal((vm.returncode, err), (0, ""), "end")
    matches(out, r"offered 192\.168\.77\.2, router 192\.168\.77\.1\nnetwork: the router is 02:00:00:00:aa:bb")

    # Deleted by somebody while the guest has it: said once, and the guest goes on.
    vm = start("run", "--gdb", "none", "--net", f"tap,ifname={NAME}", "--append", "loop", guest("protected32"))
    read_until(vm.stdout.fileno(), "working for ever")
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as route:
        which = struct.pack("BxHiII", 0, 0, socket.if_nametoindex(NAME), 0, 0)
        route.send(struct.pack("IHHII", 16 + len(which), RTM_DELLINK, NLM_F_REQUEST, 1, 0) + which)
    matches(vm.stderr.readline(), f"tap:{NAME} is gone")
    vm.terminate()
    equal(vm.communicate(timeout=LIMIT)[1], "")
finally:
    if vm:  # it has the interface
        vm.kill()
        vm.wait()
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", NAME.encode(), TAP_WITHOUT_HEADER))
    fcntl.ioctl(tap, TUNSETPERSIST, 0)
