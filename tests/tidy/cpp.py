"""Reads C++ as far as tests/tidy needs it: what is comment, what is code, where functions begin and end, whose members
they are. It relies on clang-format's layout, and on braces that are balanced outside of macros."""

import bisect
import re
from dataclasses import dataclass

# Numbers stand here because of their digit separators, which are no quotes.
TOKENS = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"(?P<end>[^()\\\s]{0,16})\(.*?\)(?P=end)"|"(?:\\.|[^"\\\n])*"|\d(?:'?[\w.])*|'(?:\\.|[^'\\\n])+'""",
    re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)
BRACE = re.compile(r"[{}]")
STRUCTURE = re.compile(r"[{}();]|(?<!:):(?!:)")

TEMPLATE = re.compile(r"^template\s*<")
CLASS = re.compile(r"^(?:typedef\s+|static\s+|constexpr\s+|inline\s+|const\s+)*(?:class|struct|union)\b")
NAMESPACE = re.compile(r"^(?:inline\s+)?namespace\b\s*(?P<name>[\w:]*)|^extern\s*\"\"\s*$")
ACCESS = re.compile(r"^(?:public|protected|private)$")
LAMBDA = re.compile(r"(?<!operator)\[[^\[\]]*\]\s*(?:\([^{}]*\))?\s*(?:mutable|noexcept|constexpr|\s)*(?:->[^{}]*)?$")
# What may stand between the parameters of a function and its body.
BEHIND_PARAMETERS = re.compile(
    r"(?:\)|\bconst|\bnoexcept|\boverride|\bfinal|\btry|&|\bMINIKV_[A-Z_]+|\)\s*->[^()]*)$")
INITIALIZED_MEMBER = re.compile(r"\)\s*(?:noexcept\s*)?:(?!:).*[\w>]$", re.DOTALL)
MEMBER = re.compile(r"(?P<owner>(?:[A-Za-z_]\w*(?:<[^<>]*>)?\s*::\s*)+)(?:~?\w+|operator\s*[^\s(]+)\s*$")


@dataclass
class Function:
    head: str  # on one line, without its body
    first: int  # lines, counted from 1, both included
    last: int
    namespace: str
    is_lambda: bool = False

    def lines(self):
        return self.last - self.first + 1

    def owner(self):
        """The class of a member that is defined outside of it, with its namespace; None for any other function."""
        found = MEMBER.search(strip_templates(self.head).split("(")[0])
        if not found:
            return None
        names = re.sub(r"<[^<>]*>|\s", "", found["owner"]).strip(":").split("::")
        return "::".join([self.namespace, *names]) if names[-1][:1].isupper() else None

    def name(self):
        head = strip_templates(self.head)
        if self.is_lambda or "TEST" in head:
            return "a lambda" if self.is_lambda else head
        return head.split("(")[0].split()[-1] + "()"


class Source:
    """One file. `code` is the text with comments, strings and directives blanked; its lines are those of the text."""

    def __init__(self, text):
        self.text = text
        self.comments = []  # (first line, last line)
        self.ends = [at.start() for at in re.finditer("\n", text)]
        code = TOKENS.sub(self._blank, text)
        self.code = DIRECTIVE.sub(lambda found: blanked(found[0]), code)
        self.code_ends = [at.start() for at in re.finditer("\n", self.code)]

    def _blank(self, token):
        text = token[0]
        if text.startswith(("//", "/*")):
            first = bisect.bisect_left(self.ends, token.start()) + 1
            self.comments.append((first, first + text.count("\n")))
            return blanked(text)
        return '""' + blanked(text) if text[0] in "\"'R" else text

    def line_of(self, at):
        """Of a position in the code."""
        return bisect.bisect_left(self.code_ends, at) + 1

    def functions(self):
        return Scanner(self).functions()


class Scanner:
    """Goes from brace to brace. `head` is what stands before one: since the last thing that was over."""

    def __init__(self, source):
        self.source, self.code = source, source.code
        self.found = []
        self.scopes = []  # of each brace that is open: the namespace's name, or None
        self.begin, self.parens, self.initializers = 0, 0, []

    def functions(self):
        at = 0
        while mark := STRUCTURE.search(self.code, at):
            at = self._take(mark[0], mark.start())
        if self.scopes or self.parens:
            raise ValueError("its braces are not balanced")
        return self.found

    def _take(self, mark, at):
        """Returns where to go on."""
        if mark == "(" or mark == ")":
            self.parens += 1 if mark == "(" else -1
        elif mark == "{":
            return self._open(at)
        elif mark == "}" and self.scopes:
            self.scopes.pop()
            self._over(at)
        elif mark == ";" and self.parens == 0:
            self._over(at)
        elif mark == ":" and self.parens == 0 and ACCESS.match(self._head(at)):
            self._over(at)
        return at + 1

    def _over(self, at):
        self.begin, self.initializers = at + 1, []

    def _head(self, at):
        text = self.code[self.begin:at]
        for first, last in reversed(self.initializers):  # a_{1} counts as a_()
            text = text[:first - self.begin] + "()" + text[last - self.begin:]
        return " ".join(text.split())

    def _open(self, at):
        head = self._head(at)
        bare = strip_templates(head)
        close = self._closing(at)
        if LAMBDA.search(head):
            self._add(head, at, close, is_lambda=True)
            self.initializers.append((at, close + 1))
            return close + 1
        if self.parens > 0:
            return self._skip(at, close)
        namespace = NAMESPACE.match(bare)
        if namespace or (CLASS.match(bare) and not BEHIND_PARAMETERS.search(bare)):
            self.scopes.append((namespace["name"] or "") if namespace else None)
            self._over(at)
            return at + 1
        if "(" in bare and not is_initializer(bare):
            if INITIALIZED_MEMBER.search(bare):
                return self._skip(at, close)
            if BEHIND_PARAMETERS.search(bare):
                self._add(head, at, close)
                self._over(close)
                return close + 1
        return self._skip(at, close)

    def _skip(self, at, close):
        """What is in these braces is a value, in which there may be lambdas."""
        self.initializers.append((at, close + 1))
        inner = at + 1
        while (inner := self.code.find("{", inner, close)) >= 0:
            head = self.code[max(at + 1, inner - 400):inner].rstrip()
            if LAMBDA.search(head):
                end = self._closing(inner)
                self._add(head, inner, end, is_lambda=True)
                inner = end
            inner += 1
        return close + 1

    def _closing(self, at):
        depth = 0
        for brace in BRACE.finditer(self.code, at):
            depth += 1 if brace[0] == "{" else -1
            if depth == 0:
                return brace.start()
        raise ValueError("its braces are not balanced")

    def _add(self, head, at, close, is_lambda=False):
        begin = at if is_lambda else self.begin + len(self.code[self.begin:at]) - len(self.code[self.begin:at].lstrip())
        namespace = "::".join(name for name in self.scopes if name)
        self.found.append(
            Function(head, self.source.line_of(begin), self.source.line_of(close), namespace, is_lambda))


def blanked(text):
    return re.sub(r"[^\n]", " ", text) if len(text) < 4 else "\n" * text.count("\n") + " "


def strip_templates(head):
    """Without `template <...>` in front."""
    while TEMPLATE.match(head):
        depth = 0
        for bracket in re.finditer(r"[<>]", head):
            depth += 1 if bracket[0] == "<" else -1
            if depth == 0:
                head = head[bracket.end():].lstrip()
                break
        else:
            return head
    return head


def is_initializer(head):
    """Whether what is in the braces is a value: there is a `=` outside of parentheses, which belongs to no operator."""
    depth = 0
    for mark in re.finditer(r"[()]|operator\s*[=!<>]=|[=!<>]=|=", head):
        if mark[0] in "()":
            depth += 1 if mark[0] == "(" else -1
        elif mark[0] == "=" and depth == 0 and not re.search(r"operator\s*[-+*/|&^%]?$", head[:mark.start()]):
            return True
    return False
