"""Which tests there are: files → headers → cases. A case is a test with one image and one command line."""
import collections
import dataclasses
import os
import re

from testing.header import KEYS, Header, UsageError, parse_row, read_header

SUFFIXES = (".gdb", ".py")


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    path: str  # of the test, absolute
    header: Header
    root: str  # where relative paths start
    image: str | None  # as given
    append: str | None
    number: int = 0  # of the repetition; 0: there is just one

    @property
    def title(self):
        return f"{self.name} #{self.number}" if self.number else self.name

    @property
    def tags(self):
        return [word for row in self.header.all("tags") for word in row.split()]

    def file(self, text):
        return os.path.join(self.root, text)

    def files(self, key):
        return [self.file(text) for text in self.header.all(key)]


def parse_given(definitions, keys=None):
    """-D KEY=VALUE → rows. Paths are relative to the working folder."""
    keys = keys or KEYS
    rows = {}
    for text in definitions:
        name, equals, value = text.partition("=")
        where = f"-D {text}"
        key = keys.get(name)
        if not equals and (key is None or key.value):
            raise UsageError(f"{where}: write KEY=VALUE")
        if key is not None and key.path and value:
            value = os.path.abspath(value)
        row = parse_row(keys, name, value, where)
        rows[name] = [*rows.get(name, []), row] if key.repeat else [row]
    return rows


def _files(paths, keys, given):
    """(file, name, header) of each test in the order given; of a folder all with a header, sorted."""
    for path in paths:
        if not os.path.isdir(path):
            if not path.endswith(SUFFIXES):
                raise UsageError(f"{path}: a test is a *.gdb or a *.py")
            header = read_header(path, keys, given) or Header(path, given)
            yield path, os.path.splitext(os.path.basename(path))[0], header
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith((".", "__pycache__")))
            for name in sorted(names):
                file = os.path.join(folder, name)
                if name.endswith(SUFFIXES) and os.path.isfile(file) and (header := read_header(file, keys, given)):
                    yield file, os.path.splitext(os.path.relpath(file, path))[0], header


def find_cases(paths, definitions, root=None, keys=None, root_of=None):
    """All cases of the files and folders. `root_of(header)`: may give a test another root. Raises UsageError."""
    keys = keys or KEYS
    found = {}
    for file, name, header in _files(paths, keys, parse_given(definitions, keys)):
        path = os.path.abspath(file)
        if path in found:
            continue
        images = header.all("image")
        if not images and "firmware" not in header:
            raise UsageError(f"{file}: which image? Add a line `# gdbvm: image FILE`, or give -D image=FILE")
        base = root_of(header) if root_of else None
        base = base or (os.path.abspath(root) if root else os.path.dirname(path))
        found[path] = [
            Case(_name(name, header, image, append), path, header, base, image, append)
            for image in images or [None]
            for append in header.all("append") or [None]
        ]
    return _distinct([case for cases in found.values() for case in cases])


def _distinct(cases):
    """Where files share a name, they get all of their path."""
    files = collections.defaultdict(set)
    for case in cases:
        files[case.name].add(case.path)
    return [case if len(files[case.name]) == 1 else dataclasses.replace(case, name=f"{case.name} ({os.path.relpath(case.path)})")
            for case in cases]  # fmt: skip


def _name(name, header, image, append):
    words = [os.path.basename(image)] if len(header.all("image")) > 1 else []
    words += [append] if len(header.all("append")) > 1 else []
    return f"{name}[{', '.join(words)}]" if words else name


def select(cases, filters):
    """Those whose name or one of whose tags every filter matches; a filter that begins with `!` must not match."""
    for text in filters:
        wanted = not text.startswith("!")
        try:
            pattern = re.compile(text.removeprefix("!"))
        except re.error as error:
            raise UsageError(f"--filter {text}: no regular expression: {error}") from None
        cases = [case for case in cases if wanted == any(map(pattern.search, [case.name, *case.tags]))]
    return cases
