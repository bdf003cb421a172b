"""What boots in the lab: a stock Debian kernel and an initramfs with busybox, KVM's modules, the agent and our files.

Everything made here lives in one cache folder (build/lab) and is made anew only when its inputs change.
"""

import contextlib
import fcntl
import hashlib
import lzma
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
KERNEL_PACKAGE = "linux-image-cloud-amd64"
MODULES = {
    "irqbypass": "virt/lib/irqbypass.ko",
    "kvm": "arch/x86/kvm/kvm.ko",
    "kvm-intel": "arch/x86/kvm/kvm-intel.ko",
    "kvm-amd": "arch/x86/kvm/kvm-amd.ko",
}
# Instructions per emulated second. Lower makes serial lines and timers faster against real time (about 40 M/s).
IPS = 20_000_000
# tsc_early_khz: the emulated CPUID claims 3.5 GHz, the TSC counts instructions. cryptomgr.notests saves 11 s.
# iomem, nohpet: see watchdog.h. clearcpuid: Bochs reports a wrong XSAVES area size, for which Linux would turn AVX off.
COMMAND_LINE = (
    f"console=ttyS0,115200 panic=1 quiet mitigations=off nokaslr tsc=reliable tsc_early_khz={IPS // 1000} "
    "iomem=relaxed nohpet idle=poll cryptomgr.notests clearcpuid=xsaves,xsavec"
)


class LabError(Exception):
    """The lab cannot do it; the text says what was tried and what to do."""


def run(command, **options):
    """Runs a host tool; LabError with its output when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise LabError(f"{' '.join(map(str, command))} failed ({done.returncode}):\n{done.stdout[-2000:]}")
    return done.stdout


def install_packages():
    """Debian's packages, when some are missing; scripts/setup says which. Needs root or sudo."""
    if subprocess.run([HERE.parents[1] / "scripts" / "setup", "--lab"]).returncode != 0:
        raise LabError("the packages of scripts/packages and tests/lab/packages could not be installed")


def with_package_lists(attempt):
    """attempt(), and when it fails once more with fresh package lists."""
    try:
        return attempt()
    except LabError:
        run([*([] if os.geteuid() == 0 else ["sudo", "-n"]), "apt-get", "update"])
        return attempt()


@contextlib.contextmanager
def locked(cache):
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fetch_kernel(cache, progress):
    """The kernel package, downloaded and unpacked, never installed. Returns its root folder."""
    root = cache / "kernel"
    if root.is_dir():
        return root

    def newest():
        package = re.search(r"Depends: (linux-image-\S+)", run(["apt-cache", "depends", KERNEL_PACKAGE]))
        if not package:
            raise LabError(f"apt knows no {KERNEL_PACKAGE}: the lab needs Debian's package lists (apt-get update)")
        return package[1]

    package = with_package_lists(newest)
    progress(f"downloading {package}")
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        with_package_lists(lambda: run(["apt-get", "download", package], cwd=temporary))
        (archive,) = pathlib.Path(temporary).glob("*.deb")
        unpacked = pathlib.Path(temporary) / "root"
        run(["dpkg", "-x", archive, unpacked])
        unpacked.rename(root)
    return root


class Initramfs:
    """A cpio archive (format newc) built in memory, so that no root and no device nodes are needed."""

    def __init__(self):
        self._parts = []
        self._names = set()

    def _entry(self, name, mode, data=b""):
        name = name.strip("/")
        if name in self._names:
            return
        parent = os.path.dirname(name)
        if parent:
            self._entry(parent, stat.S_IFDIR | 0o755)
        self._names.add(name)
        encoded = name.encode() + b"\0"
        fields = (len(self._names), mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        self._parts += [header, bytes(-len(header) % 4), data, bytes(-len(data) % 4)]

    def directory(self, name):
        self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, executable=False):
        self._entry(name, stat.S_IFREG | (0o755 if executable else 0o644), data)

    def link(self, name, target):
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def tree(self, path):
        """A file or a folder of the host, at its own absolute path."""
        for item in [path, *sorted(path.rglob("*"))] if path.is_dir() else [path]:
            if item.is_file():
                self.file(str(item), item.read_bytes(), os.access(item, os.X_OK))

    def bytes(self):
        self._entry("TRAILER!!!", 0)
        return b"".join(self._parts)


def stripped(path, *options):
    with tempfile.NamedTemporaryFile() as copy:
        run(["strip", *options, "-o", copy.name, path])
        return pathlib.Path(copy.name).read_bytes()


def add_program(archive, path):
    """A program at its absolute path, stripped, with the libraries it names, and a link to it in /bin."""
    data = path.read_bytes()
    if data[:4] == b"\x7fELF":
        data = stripped(path)
        libraries = subprocess.run(["ldd", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        for library in re.findall(r"(/\S+) \(0x", libraries):
            archive.file(library, stripped(library), executable=True)
    archive.file(str(path), data, executable=True)
    archive.link(f"bin/{path.name}", str(path))


def read_module(kernel, path, temporary):
    """A kernel module without debug data: less to read from the emulated CD, less to parse at 40 M instructions/s."""
    (found,) = kernel.glob(f"lib/modules/*/kernel/{path}*")
    plain = pathlib.Path(temporary) / "module.ko"
    data = found.read_bytes()
    plain.write_bytes(lzma.decompress(data) if found.suffix == ".xz" else data)
    return stripped(plain, "--strip-unneeded", "-R", ".BTF")


def build_initramfs(kernel, agent, programs, files, temporary):
    archive = Initramfs()
    for directory in ("proc", "sys", "dev", "tmp"):
        archive.directory(directory)
    archive.file("bin/busybox", pathlib.Path("/bin/busybox").read_bytes(), executable=True)
    archive.file("init", (HERE / "init").read_bytes(), executable=True)
    archive.file("lab-agent", agent.read_bytes(), executable=True)
    for name, path in MODULES.items():
        archive.file(f"modules/{name}.ko", read_module(kernel, path, temporary))
    for program in programs:
        add_program(archive, program)
    for path in files:
        archive.tree(path)
        archive.link(path.name, str(path))
    for applet in run(["/bin/busybox", "--list"]).split():
        archive.link(f"bin/{applet}", "busybox")
    return archive.bytes()


def build_disc(iso, kernel, initramfs, temporary):
    """A CD that GRUB boots without its menu, its configuration language or any module but the four it needs."""
    disc = pathlib.Path(temporary) / "disc"
    disc.mkdir()
    (vmlinuz,) = kernel.glob("boot/vmlinuz-*")
    shutil.copy(vmlinuz, disc / "vmlinuz")
    (disc / "initramfs").write_bytes(initramfs)
    config = pathlib.Path(temporary) / "grub.cfg"
    config.write_text(f"linux (cd)/vmlinuz {COMMAND_LINE}\ninitrd (cd)/initramfs\nboot\n")
    run(["grub-mkimage", "-O", "i386-pc-eltorito", "-o", disc / "core.img", "-p", "/", "-c", config,
         "biosdisk", "iso9660", "linux"])  # fmt: skip
    run(["xorriso", "-as", "mkisofs", "-quiet", "-o", iso, "-b", "core.img", "-no-emul-boot", "-boot-load-size", "4",
         "-boot-info-table", "--grub2-boot-info", disc])  # fmt: skip


def fingerprint(paths):
    digest = hashlib.sha256()
    for top in paths:
        for path in [top, *sorted(top.rglob("*"))] if top.is_dir() else [top]:
            status = path.stat()
            digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def setup(cache, progress):
    """What needs the network: the packages and the kernel."""
    with locked(cache):
        install_packages()
        return fetch_kernel(cache, progress)


def build(cache, programs, files, progress):
    """Returns the boot CD with these programs (in /bin inside too) and files, made anew when any of them changed."""
    kernel = setup(cache, progress)
    with locked(cache):
        sources = [HERE / "agent.c", HERE / "watchdog.c"]
        inputs = [*sources, HERE / "watchdog.h", HERE / "init", HERE / "image.py"]
        vmlinuz = next(kernel.glob("boot/vmlinuz-*"))
        key = fingerprint([*inputs, vmlinuz, *programs, *files])
        iso = cache / f"lab-{key}.iso"
        if iso.exists():
            os.utime(iso)
            return iso
        progress("building the boot image")
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            binary = pathlib.Path(temporary) / "agent"
            run(["gcc", "-static", "-pthread", "-Os", "-s", "-o", binary, *sources])
            initramfs = build_initramfs(kernel, binary, programs, files, temporary)
            new = pathlib.Path(temporary) / "lab.iso"
            build_disc(new, kernel, initramfs, temporary)
            for old in sorted(cache.glob("lab-*.iso"), key=lambda path: path.stat().st_mtime)[:-3]:
                old.unlink()
            new.rename(iso)
        progress(f"image: {iso.stat().st_size >> 20} MiB")
        return iso
