#!/usr/bin/python3 -B
"""Plants one finding of each kind in a tree that has none, and sees that it is told, as it is worded, and nothing else."""

import os
import tempfile
import unittest

import tidy

LONG = "x" * 89 + " yyyy yyyy yyyy yyyy yyyy"  # 114 columns


def body(lines):
    return "".join(f"  step({i});\n" for i in range(lines))


# A tree without findings, which is at all limits.
TIDY = {
    ".clang-format": "ColumnLimit: 110\n",
    tidy.EXCEPTIONS: "# file, lines, reason\nengine/base/table.h 400 a table\n",
    "README.md": "x" * 100 + f"\n| {LONG} |\n\n    {LONG}\n\n    {LONG}\n\n```\n{LONG}\n```\n<!-- begin -->\n    {LONG}\n- text\n    - more\n",
    "engine/base/table.h": "// A table.\n" + "int x;\n" * 399,
    "engine/base/long.h": "// " + "x" * 107 + "\n" + "int x;\n" * 299,
    "engine/include/minikv/store.h": "// The interface.\n",
    "engine/store/store.cpp": '// The store.\n#include "engine/base/long.h"\n#include "minikv/store.h"\n'
                              "namespace minikv::engine {\n"
                              "Store::Store(int a)\n    : a_{a}, b_(a) {\n" + body(47) + "}\n"
                              "auto text = R\"(\n{{{ // no comment, " + LONG + ")\";\n"
                              "int a = 100'000;  // '{'\n"
                              "template <typename T>\nvoid walk(T visit = {}) {\n  visit([] {\n" + body(45) + "  });\n}\n"
                              "}  // namespace minikv::engine\n",
    "engine/store/scan.cpp": "// The rest.\nnamespace minikv::engine {\nvoid Store::scan() const {}\nvoid scan() {}\n}\n"
                             "namespace minikv::other {\nvoid Store::scan() {}\n}\n",
    "engine/recovery/recovery.cpp": '// Start.\n#include "engine/core/state.h"\n',
    "engine/tools/verify.cpp": '// Looks.\n#include "engine/segment/segment.h"\n',
    "server/net/session.cpp": '// A session.\n#include "engine/format/frame.h"\n#include "protocol/parser.h"\n'
                              '#include "server/request/task.h"\n',
    tidy.TOUR: "`engine/store/store.cpp` `store.cpp` `base/` `engine/store/` `Store::scan()` `x` `gone.txt`\n\n    a  engine/store/store\n",
    "tests/store_test.cpp": '// Tests.\n#include "server/net/session.h"\n// TEST(Store, Old)\nTEST(StoreTest, Opens) {}\n',
}

COMMENT = "// A file.\n"
SPREAD = "namespace minikv::engine {{\nint Store::{}(int) {{ return 0; }}\n}}\n"
OTHER_FILE = "move what is a subject of its own to a file of its own, or say in tests/tidy/exceptions.txt why not"
ORDER = "move what is needed down, or turn the call into an interface of the lower one's"

# (rule, file, its text, what is found: line and words)
PLANTED = [
    (tidy.markdown_columns, "docs/A.md", f"# A\n\n{LONG}\n", "3: 114 columns, 100 at most; break the line"),
    (tidy.markdown_columns, "docs/A.md", f"- text\n    {LONG}\n", "2: 118 columns, 100 at most; break the line"),
    (tidy.markdown_columns, "docs/A.md", f"```\n```\n{LONG}\n", "3: 114 columns, 100 at most; break the line"),
    (tidy.markdown_columns, "docs/A.md", f"    code\n\ntext\n    {LONG}\n", "4: 118 columns, 100 at most; break the line"),
    (tidy.comment_columns, "client/a.cpp", COMMENT + f"int a;\n// {LONG}\n",
     "3: a comment up to column 117, 110 at most; break the line"),
    (tidy.comment_columns, "client/a.h", f"// A.\nint a;  /* one\n{LONG} */\n",
     "3: a comment up to column 117, 110 at most; break the line"),
    (tidy.function_lines, "client/a.cpp", COMMENT + "namespace {\n\nint long_one() {\n" + body(49) + "}\n}\n",
     "4: long_one() has 51 lines, 50 at most; give a part of it a name"),
    (tidy.function_lines, "client/a.cpp", COMMENT + "struct A {\n  A() : a_{1} {\n  if (x) {\n" + body(48) + "  }\n  }\n};\n",
     "3: A() has 52 lines, 50 at most; give a part of it a name"),
    (tidy.function_lines, "client/a.cpp", COMMENT + "const Row kRows[] = {\n    {1, [](int a) {\n" + body(49) + "}}};\n",
     "3: a lambda has 51 lines, 50 at most; give a part of it a name"),
    (tidy.function_lines, "tests/a.cpp", COMMENT + "TEST(ATest, Long) {\n" + body(49) + "}\n",
     "2: TEST(ATest, Long) has 51 lines, 50 at most; give a part of it a name"),
    (tidy.function_lines, "client/a.cpp", COMMENT + "#if X\nint f() {\n#else\nint g() {\n#endif\n}\n",
     "1: can't be read, its braces are not balanced; keep braces in pairs, also where #if chooses between them"),
    (tidy.file_lines, "client/a.py", "a = 1\n" * 301, f"301: 301 lines, 300 at most; {OTHER_FILE}"),
    (tidy.file_lines, "engine/base/table.h", COMMENT + "int x;\n" * 400, f"401: 401 lines, 400 at most; {OTHER_FILE}"),
    (tidy.file_lines, tidy.EXCEPTIONS, TIDY[tidy.EXCEPTIONS] + "engine/base/long.h 400 it is long\n",
     "3: engine/base/long.h has 300 lines, and needs no exception; delete this one"),
    (tidy.file_lines, tidy.EXCEPTIONS, TIDY[tidy.EXCEPTIONS] + "engine/base/gone.h 400 it was long\n",
     "3: engine/base/gone.h has 0 lines, and needs no exception; delete this one"),
    (tidy.file_lines, tidy.EXCEPTIONS, TIDY[tidy.EXCEPTIONS] + "engine/base/long.h 400\n",
     "3: no exception; write file, lines and the reason"),
    (tidy.include_order, "engine/io/a.h", COMMENT + '#include "engine/format/frame.h"\n',
     f"2: engine/io may not include engine/format; {ORDER}"),
    (tidy.include_order, "engine/files/a.h", COMMENT + '#include "engine/recovery/recovery.h"\n',
     f"2: engine/files may not include engine/recovery; {ORDER}"),
    (tidy.include_order, "engine/store/a.h", COMMENT + '#include "engine/tools/verify.h"\n',
     f"2: engine/store may not include engine/tools; {ORDER}"),
    (tidy.include_order, "engine/tools/a.h", COMMENT + '#include "engine/core/state.h"\n',
     f"2: engine/tools may not include engine/core; {ORDER}"),
    (tidy.include_order, "engine/include/minikv/a.h", COMMENT + '#include "engine/base/text.h"\n',
     f"2: engine/include may not include engine/base; {ORDER}"),
    (tidy.include_order, "server/request/a.h", COMMENT + '\n#include "server/net/session.h"\n',
     f"3: server/request may not include server/net; {ORDER}"),
    (tidy.include_order, "server/net/a.h", COMMENT + '#include "engine/core/state.h"\n',
     f"2: server/net may not include engine/core; {ORDER}"),
    (tidy.include_order, "protocol/a.h", COMMENT + '#include "minikv/store.h"\n',
     f"2: protocol may not include engine/include; {ORDER}"),
    (tidy.include_order, "client/a.h", COMMENT + '#include "server/net/session.h"\n',
     f"2: client may not include server/net; {ORDER}"),
    (tidy.include_order, "engine/base/a.h", COMMENT + '#include "tests/support/model.h"\n',
     f"2: engine/base may not include tests; {ORDER}"),
    (tidy.include_order, "server/cellar/a.h", COMMENT,
     "1: server/cellar has no place in the order of rooms; give it one in tests/tidy/rooms.py"),
    (tidy.first_line, "client/a.h", "#pragma once\n// A file.\n",
     "1: no comment in the first line; say in a sentence what the file has"),
    (tidy.suite_names, "tests/a.cpp", COMMENT + "TEST_F(Model, A) {}\nTEST_F(Model, B) {}\n",
     "2: a suite is called Model; call it ModelTest"),
    (tidy.suite_names, "tests/a.cpp", COMMENT + "TYPED_TEST(Disk, A) {}\n", "2: a suite is called Disk; call it DiskTest"),
    (tidy.members_together, "engine/store/a.cpp", COMMENT + SPREAD.format("size"),
     "3: members of minikv::engine::Store are defined in 3 files (engine/store/a.cpp, engine/store/scan.cpp, "
     "engine/store/store.cpp), 2 at most; make a class of what is a subject of its own"),
    (tidy.document_names, "docs/A.md", "# A\n\n`engine/base/gone.h`\n",
     "3: there is no engine/base/gone.h; name the file that has it now"),
    (tidy.document_names, "docs/A.md", "`base/gone.h`\n", "1: there is no base/gone.h; name the file that has it now"),
    (tidy.document_names, "docs/A.md", "`engine/gone/`\n", "1: there is no engine/gone/; name the file that has it now"),
    (tidy.document_names, tidy.TOUR, "# Tour\n`Store::gone()`\n",
     "2: Store::gone() names nothing that exists; say what it is called now"),
    (tidy.document_names, "docs/A.md", "text\n\n    loop  step  engine/store/gone\n",
     "3: there is no engine/store/gone; name the file that has it now"),
    (tidy.markdown_tables, "docs/A.md", "| a | b |\n|---|---|\n| `x|y` | a \\| b |\n| a | b | | c |\n",
     "4: 4 cells in a table of 2; break the line, or write \\| for a bar"),
    (tidy.members_together, "engine/store/a.cpp", COMMENT + SPREAD.format("operator()"),
     "3: members of minikv::engine::Store are defined in 3 files (engine/store/a.cpp, engine/store/scan.cpp, "
     "engine/store/store.cpp), 2 at most; make a class of what is a subject of its own"),
]


def findings_with(files):
    with tempfile.TemporaryDirectory(prefix="minikv-tidy-") as root:
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return tidy.findings(root)


class TidyTest(unittest.TestCase):
    def test_a_tidy_tree_has_no_findings(self):
        self.assertEqual(findings_with(TIDY), [])

    def test_what_is_planted_is_found_and_nothing_else(self):
        for _, path, text, found in PLANTED:
            with self.subTest(path=path, found=found):
                self.assertEqual(findings_with(TIDY | {path: text}), [f"{path}:{found}"])

    def test_each_rule_has_something_planted(self):
        self.assertEqual({rule for rule, _, _, _ in PLANTED}, set(tidy.RULES))


if __name__ == "__main__":
    unittest.main()
