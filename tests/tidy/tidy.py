#!/usr/bin/python3 -B
"""What reading the sources can tell, and the compiler and clang-tidy do not: lengths, the order of includes, names.

    tidy.py                  fails if there is something to be done, and says what
    tidy.py --report         says it, and does not fail
    tidy.py --root DIR       looks at another tree

A finding is one line: `file:line: what is wrong; what to do`. tidy_test.py plants one of each kind.
"""

import argparse
import os
import re
import sys
from collections import defaultdict

import rooms
from cpp import Source

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDERS = ["bench", "client", "docs", "engine", "examples", "protocol", "server", "tests"]
SOURCES = ["client", "engine", "protocol", "server"]
EXCEPTIONS = "tests/tidy/exceptions.txt"
TOUR = "docs/ARCHITECTURE.md"

MAX_MARKDOWN_COLUMNS = 100
MAX_FUNCTION_LINES = 50
MAX_FILE_LINES = 300
MAX_FILES_OF_A_CLASS = 2

INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)
SUITE = re.compile(r"^(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+)", re.MULTILINE)
QUOTED = re.compile(r"`([^`\n]+)`")
CELL_END = re.compile(r"(?<!\\)\|")
IN_PICTURE = re.compile(r"(?<![\w/-])(?:client|engine|protocol|server)/[\w/]+\w$")
FILE_NAME = re.compile(r"[\w./-]+\.(?:h|cpp|def)")
CALL = re.compile(r"(?:\w+::)*\w+\(\)")
WORD = re.compile(r"[A-Za-z_]\w*")
LIST_ITEM = re.compile(r"(?:[-*+]|\d+\.)\s")


class Tree:
    """The files under a directory, by their paths in it."""

    def __init__(self, root):
        self.root = root
        self.paths = sorted(self._find())
        self._texts, self._sources = {}, {}
        self.max_comment_columns = int(re.search(r"^ColumnLimit:\s*(\d+)", self.text(".clang-format"), re.MULTILINE)[1])

    def _find(self):
        yield from (name for name in os.listdir(self.root) if os.path.isfile(os.path.join(self.root, name)))
        for folder in FOLDERS:
            for directory, folders, names in os.walk(os.path.join(self.root, folder)):
                folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
                yield from (os.path.relpath(os.path.join(directory, name), self.root) for name in names)

    def ending(self, *ends):
        return [path for path in self.paths if path.endswith(ends)]

    def text(self, path):
        if path not in self._texts:
            with open(os.path.join(self.root, path), encoding="utf-8") as file:
                self._texts[path] = file.read()
        return self._texts[path]

    def lines(self, path):
        return self.text(path).splitlines()

    def source(self, path):
        if path not in self._sources:
            self._sources[path] = Source(self.text(path))
        return self._sources[path]


def markdown_columns(tree):
    for path in tree.ending(".md"):
        for number, line in prose(tree.lines(path)):
            if len(line) > MAX_MARKDOWN_COLUMNS:
                yield path, number, f"{len(line)} columns, {MAX_MARKDOWN_COLUMNS} at most; break the line"


def prose(lines):
    """The lines that are neither of a table nor of a block of code, with their numbers."""
    in_fence = in_block = False
    before = ""
    for number, line in enumerate(lines, 1):
        bare = line.strip()
        if bare.startswith("```"):
            in_fence = not in_fence
        in_block = (in_block or not before) and line.startswith("    ") and not LIST_ITEM.match(bare) or \
            in_block and not bare
        before = "" if bare.startswith("<!--") and bare.endswith("-->") else bare
        if not (in_fence or in_block or bare.startswith(("|", "```"))):
            yield number, line


def comment_columns(tree):
    most = tree.max_comment_columns
    for path in tree.ending(".h", ".cpp", ".def"):
        lines = tree.lines(path)
        if all(len(line) <= most for line in lines):
            continue
        for first, last in tree.source(path).comments:
            for number in range(first, last + 1):
                if len(lines[number - 1]) > most:
                    yield path, number, f"a comment up to column {len(lines[number - 1])}, {most} at most; break the line"


def function_lines(tree):
    for path in tree.ending(".h", ".cpp"):
        try:
            functions = tree.source(path).functions()
        except ValueError as error:
            yield path, 1, f"can't be read, {error}; keep braces in pairs, also where #if chooses between them"
            continue
        for function in functions:
            if function.lines() > MAX_FUNCTION_LINES:
                yield path, function.first, (f"{function.name()} has {function.lines()} lines, {MAX_FUNCTION_LINES} at "
                                             "most; give a part of it a name")


def file_lines(tree):
    excepted = {}
    for number, line in enumerate(tree.lines(EXCEPTIONS), 1):
        if not line or line.startswith("#"):
            continue
        found = re.fullmatch(r"(\S+)\s+(\d+)\s+(\S.*)", line)
        if not found:
            yield EXCEPTIONS, number, "no exception; write file, lines and the reason"
            continue
        excepted[found[1]] = int(found[2])
        length = len(tree.lines(found[1])) if found[1] in tree.paths else 0
        if length <= MAX_FILE_LINES:
            yield EXCEPTIONS, number, f"{found[1]} has {length} lines, and needs no exception; delete this one"
    for path in tree.ending(".h", ".cpp", ".def", ".py"):
        length, most = len(tree.lines(path)), excepted.get(path, MAX_FILE_LINES)
        if length > most:
            yield path, most + 1, (f"{length} lines, {most} at most; move what is a subject of its own to a file of its "
                                   f"own, or say in {EXCEPTIONS} why not")


def include_order(tree):
    for path in tree.ending(".h", ".cpp", ".def"):
        user = rooms.place_of(path)
        if not rooms.is_known(user):
            yield path, 1, f"{user[0]}/{user[1]} has no place in the order of rooms; give it one in tests/tidy/rooms.py"
            continue
        for found in INCLUDE.finditer(tree.text(path)):
            used = rooms.place_of(found[1])
            if "/" in found[1] and rooms.is_known(used) and not rooms.may_include(user, used):
                number = tree.text(path).count("\n", 0, found.start()) + 1
                yield path, number, (f"{name_of(user)} may not include {name_of(used)}; move what is needed down, or turn "
                                     "the call into an interface of the lower one's")


def name_of(place):
    return "/".join(part for part in place if part)


def first_line(tree):
    for path in tree.ending(".h", ".cpp"):
        if not tree.text(path).startswith("// "):
            yield path, 1, "no comment in the first line; say in a sentence what the file has"


def suite_names(tree):
    for path in tree.ending(".h", ".cpp"):
        if not path.startswith("tests/"):
            continue
        source = tree.source(path)
        first = {}  # of each suite
        for found in SUITE.finditer(source.code):
            first.setdefault(found[1], source.line_of(found.start()))
        for suite, line in first.items():
            if not suite.endswith("Test"):
                yield path, line, f"a suite is called {suite}; call it {suite}Test"


def members_together(tree):
    definitions = defaultdict(list)  # of a class: (path, line)
    for path in tree.ending(".cpp"):
        try:
            functions = tree.source(path).functions()
        except ValueError:
            continue  # function_lines() tells
        for function in functions:
            if owner := function.owner():
                definitions[owner].append((path, function.first))
    for owner, places in sorted(definitions.items()):
        paths = sorted({path for path, _ in places})
        if len(paths) > MAX_FILES_OF_A_CLASS:
            path, line = places[0]
            yield path, line, (f"members of {owner} are defined in {len(paths)} files ({', '.join(paths)}), "
                               f"{MAX_FILES_OF_A_CLASS} at most; make a class of what is a subject of its own")


def document_names(tree):
    """The files that a document names exist, and the functions that the tour names, too."""
    ends = {part for path in tree.paths for part in tails(path)}
    stems = {part.rsplit(".", 1)[0] for part in ends}
    words = None
    for path in tree.ending(".md"):
        for number, line in enumerate(tree.lines(path), 1):
            for name in QUOTED.findall(line):
                is_file = FILE_NAME.fullmatch(name) or name.split("/")[0] in SOURCES and re.fullmatch(r"[\w./-]+/", name)
                if is_file and name.rstrip("/") not in ends:
                    yield path, number, f"there is no {name}; name the file that has it now"
                if path == TOUR and CALL.fullmatch(name):
                    words = words or words_of(tree)
                    missing = [word for word in WORD.findall(name) if word not in words]
                    if missing:
                        yield path, number, f"{name} names nothing that exists; say what it is called now"


            for name in IN_PICTURE.findall(line) if line.startswith("    ") else ():
                if name not in ends and name not in stems:
                    yield path, number, f"there is no {name}; name the file that has it now"


def markdown_tables(tree):
    for path in tree.ending(".md"):
        header = None
        for number, line in enumerate(tree.lines(path), 1):
            if not line.startswith("|"):
                header = None
                continue
            cells = len(CELL_END.findall(QUOTED.sub("", line)))
            if header is not None and cells != header:
                yield path, number, f"{cells - 1} cells in a table of {header - 1}; break the line, or write \\| for a bar"
            header = header or cells


def tails(path):
    """`a/b/c` is named by itself, as `b/c` and as `c`; its folders by the way to them."""
    parts = path.split("/")
    for first in range(len(parts)):
        for last in range(first + 1, len(parts) + 1):
            yield "/".join(parts[first:last])


def words_of(tree):
    return {word for path in tree.ending(".h", ".cpp", ".def") for word in WORD.findall(tree.text(path))}


RULES = [
    markdown_columns, comment_columns, function_lines, file_lines, include_order, first_line, suite_names, members_together,
    document_names, markdown_tables
]


def findings(root):
    tree = Tree(root)
    found = sorted(finding for rule in RULES for finding in rule(tree))
    return [f"{path}:{line}: {what}" for path, line, what in found]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=os.path.join(HERE, "..", ".."))
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    found = findings(options.root)
    for finding in found:
        print(finding)
    print(f"{len(found)} findings" if found else "nothing to be done", file=sys.stderr)
    sys.exit(1 if found and not options.report else 0)


if __name__ == "__main__":
    main()
