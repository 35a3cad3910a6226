"""Finds the selectors of a PromQL expression, and the functions that they stand in.

It reads what promtool takes, with Grafana's variables still in it.  Of what promtool does not
take it may find anything.
"""

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(r"""
    (?P<space> \s+ | \#[^\n]* )
  | (?P<string> "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | `[^`]*` )
  | (?P<name> [a-zA-Z_:][\w:]* )
  | (?P<number> \d[\w.]* )
  | (?P<variable> \$\w+ )
  | (?P<mark> =~ | !~ | != | == | [<>]=? | . )
""", re.X | re.S)
# Lists of labels follow these; the others stand between operands.
_LISTS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}


@dataclass
class Selector:
    """metric{matchers}[span] and the calls around it, the innermost first."""
    metric: str
    place: int
    matchers: list = field(default_factory=list)  # (label, operator, value)
    span: str = ""
    calls: tuple = ()

    @property
    def function(self):
        """That whose argument it is."""
        return self.calls[0] if self.calls else ""

    @property
    def around(self):
        """The names of all calls that it stands in, without mere parentheses."""
        return [name for name in self.calls if name]


def _tokens(text):
    return [(match.lastgroup, match.group(), match.start()) for match in _TOKEN.finditer(text)
            if match.lastgroup != "space"]


def _closing(tokens, start, closer):
    """The index of the next closer: what is between nests nothing.  Else that of the end."""
    return next((index for index in range(start, len(tokens)) if tokens[index][1] == closer),
                len(tokens))


def _matchers(tokens):
    words = [text for _, text, _ in tokens if text != ","]
    return [(label, operator, value[1:-1])
            for label, operator, value in zip(words[0::3], words[1::3], words[2::3])]


def _selector(tokens, index, calls):
    """(the selector that begins at the index, the index behind it)"""
    kind, text, place = tokens[index]
    selector = Selector(text if kind == "name" else "", place, calls=tuple(reversed(calls)))
    index += kind == "name"
    if index < len(tokens) and tokens[index][1] == "{":
        end = _closing(tokens, index, "}")
        selector.matchers = _matchers(tokens[index + 1:end])
        index = end + 1
    if index < len(tokens) and tokens[index][1] == "[":
        end = _closing(tokens, index, "]")
        selector.span = "".join(text for _, text, _ in tokens[index + 1:end])
        index = end + 1
    return selector, index


def selectors(text):
    """All of them, in the order of the text."""
    tokens, found, calls, index = _tokens(text), [], [], 0
    while index < len(tokens):
        kind, word, _ = tokens[index]
        after = tokens[index + 1][1] if index + 1 < len(tokens) else ""
        if kind == "name" and word.lower() in _LISTS:
            index = _closing(tokens, index, ")") + 1 if after == "(" else index + 1
        elif kind == "name" and word.lower() in _WORDS:
            index += 1
        elif word == "@":  # a time, start() or end()
            index = _closing(tokens, index, ")") + 1
        elif kind == "name" and (after == "(" or after.lower() in ("by", "without")):
            index = _opened(tokens, index, calls, word)
        elif kind == "name" or word == "{":
            selector, index = _selector(tokens, index, calls)
            found.append(selector)
        else:
            if word == "(":
                calls.append("")
            elif word == ")" and calls:
                calls.pop()
            index += 1
    return found


def _opened(tokens, index, calls, word):
    """The index behind the opening parenthesis of a call, which may have its by(...) first."""
    index += 1
    if tokens[index][1].lower() in ("by", "without"):
        index = _closing(tokens, index, ")") + 1
    calls.append(word)
    return index + 1

