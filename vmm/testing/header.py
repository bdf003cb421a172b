"""The header of a test: lines `# gdbvm: KEY VALUE`. Any bytes are read; what is wrong is told with its file and line."""
import re
import shlex
import typing


class UsageError(Exception):
    """One line for the user, who gave something wrong: exit status 2."""


class Key(typing.NamedTuple):
    value: str  # how the help shows it; "" for a key that takes none
    help: str
    parse: typing.Callable = str
    repeat: bool = False
    path: bool = False  # the value begins with a file name
    split: str = ""  # what may follow the file name


class Row(typing.NamedTuple):
    value: typing.Any
    where: str  # FILE:LINE


def _whole(low, high):
    def parse(text):
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"takes a number from {low} to {high}")
        return int(text)

    return parse


def _seconds(text):
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) or float(text) == 0:
        raise ValueError("takes a number of seconds")
    return float(text)


def _size(text):
    if not re.fullmatch(r"(?i)[0-9]+[KMG]?", text):
        raise ValueError("takes a size, such as 128M")
    return text


def _regex(text):
    try:
        return re.compile(text, re.MULTILINE)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"is no regular expression: {error}") from None


def _words(text):
    shlex.split(text)  # raises ValueError
    return text


def _one_of(*words):
    def parse(text):
        if text not in words:
            raise ValueError(f"takes one of {', '.join(words)}")
        return text

    return parse


KEYS = {
    "image": Key("FILE", "the guest; several: a run with each", repeat=True, path=True),
    "append": Key("TEXT", "its command line; several: a run with each", repeat=True),
    "memory": Key("SIZE", "its memory, such as 256M", _size),
    "cpus": Key("N", "its CPUs", _whole(1, 255)),
    "initrd": Key("FILE", "its initial RAM disk", path=True),
    "module": Key("FILE [ARGS]", "a boot module", repeat=True, path=True, split=" "),
    "drive": Key("FILE[,OPTIONS]", "a drive; what is written is dropped", repeat=True, path=True, split=","),
    "disk": Key("FILE", "{disk} in `args` is a copy of it, which the test may change", path=True),
    "firmware": Key("FILE", "a ROM that boots `image`, a drive; skipped where it is not there", path=True),
    "args": Key("WORDS", "more arguments of `gdbvm run`; {root}: where relative paths start, {folder}: the test's own", _words),
    "symbols": Key("FILE", "what gdb takes symbols from, when the image has none", path=True),
    "console": Key("WHICH", "the console of serial() and expect-serial: serial, or virtio-console [serial]",
                   _one_of("serial", "virtio-console")),
    "running": Key("", "the guest runs before gdb comes"),
    "connect": Key("HOW", "remote, extended-remote, or no: the test does it itself [remote]",
                   _one_of("remote", "extended-remote", "no")),
    "timeout": Key("SECONDS", "the test's time limit", _seconds),
    "requires": Key("PROBE[=VALUE]", "what `gdbvm host` must say (yes): else skipped", repeat=True),
    "skip-if": Key("COMMAND", "a shell command: where it succeeds, the test is skipped", repeat=True),
    "tags": Key("WORDS", "words for --filter", repeat=True),
    "expect-exit": Key("N", "gdbvm's exit status: the VM must end by itself", _whole(0, 255)),
    "expect-serial": Key("REGEX", "the console must match, at the end; several: in this order", _regex, repeat=True),
    "expect-gdb": Key("REGEX", "what gdb said must match; several: in this order", _regex, repeat=True),
    "expect-crash": Key("REGEX", "the guest must crash, and what gdbvm says of it must match", _regex),
    "expect-disk": Key("REGEX", "the copy of `disk` must match, at the end", _regex, repeat=True),
    "may-miss": Key("REGEX", "breakpoints (location or expression) that need not be hit", _regex, repeat=True),
}  # fmt: skip


class Header:
    """The rows of one test, by key; rows given on the command line (-D) replace those of the file."""

    def __init__(self, path, rows):
        self.path = path
        self._rows = rows

    def all(self, key):
        return [row.value for row in self._rows.get(key, [])]

    def get(self, key, default=None):
        found = self.all(key)
        return found[-1] if found else default

    def __contains__(self, key):
        return key in self._rows


def parse_row(keys, name, text, where):
    """The value of one row, checked."""
    key = keys.get(name)
    if key is None:
        raise UsageError(f"{where}: unknown key `{name}`: it is none of {', '.join(keys)}")
    if key.value and not text:
        raise UsageError(f"{where}: `{name}` needs a value: {key.value}")
    if not key.value and text:
        raise UsageError(f"{where}: `{name}` takes no value")
    if "\0" in text:
        raise UsageError(f"{where}: `{name}`: a zero byte")
    try:
        return Row(key.parse(text), where)
    except ValueError as error:
        raise UsageError(f"{where}: `{name}` {error}: `{text}`") from None


def read_header(path, keys=None, given=None):
    """The Header of a file, or None when it has none. `given`: rows that replace the file's. Raises UsageError."""
    keys = keys or KEYS
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    rows = {}
    for number, line in enumerate(lines, 1):
        if not line.startswith(b"# gdbvm:"):
            continue
        where = f"{path}:{number}"
        words = line[len(b"# gdbvm:") :].decode("utf-8", "surrogateescape").strip().split(None, 1)
        if not words:
            raise UsageError(f"{where}: `# gdbvm:` needs a key")
        row = parse_row(keys, words[0], words[1] if len(words) > 1 else "", where)
        if words[0] in rows and not keys[words[0]].repeat:
            raise UsageError(f"{where}: `{words[0]}` is given twice")
        rows.setdefault(words[0], []).append(row)
    if not rows:
        return None
    return Header(path, rows | (given or {}))
