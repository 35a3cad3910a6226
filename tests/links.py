#!/usr/bin/python3
"""Follows the links of all Markdown documents below a folder:  tests/links.py FOLDER

A relative link must lead to a file below that folder, and its anchor to a heading there.
"""

import os
import re
import sys

NOT_OURS = {".git", "node_modules"}
FENCED = re.compile(r"^ *```.*?^ *```", re.M | re.S)
LINK = re.compile(r"\]\(([^) ]+)\)")
ABSOLUTE = re.compile(r"[a-z]+:")


def documents(folder):
    """The paths of those that are there."""
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders
                      if name not in NOT_OURS and not name.startswith("build")]
        yield from (os.path.join(path, name) for name in files if name.endswith(".md"))


def text_of(path):
    """Without what stands there as code."""
    with open(path, encoding="utf-8") as file:
        return FENCED.sub("", file.read())


def anchors(path):
    """As GitHub makes them of headings."""
    for heading in re.findall(r"^#+ +(.*)$", text_of(path), re.M):
        yield re.sub(r"[^a-z0-9_-]", "", heading.lower().replace(" ", "-"))


def trouble(folder, document, link):
    """Why the link is dead, or None."""
    path, _, anchor = link.partition("#")
    target = os.path.normpath(os.path.join(os.path.dirname(document), path)) if path else document
    if target.startswith("..") or os.path.relpath(target, folder).startswith(".."):
        return "leads out of the documents"
    if not os.path.exists(target):
        return "is not there"
    if anchor and anchor not in anchors(target):
        return "is no heading"
    return None


def main():
    """As the opening comment says."""
    (folder,) = sys.argv[1:]
    followed = failed = 0
    for document in sorted(documents(folder)):
        for link in sorted(set(LINK.findall(re.sub(r"`[^`\n]*`", "", text_of(document))))):
            if ABSOLUTE.match(link):
                continue
            followed += 1
            why = trouble(folder, document, link)
            if why:
                failed += 1
                print(f"tests/links.py: {document} links to {link}, which {why}", file=sys.stderr)
    if followed < 50:
        sys.exit(f"tests/links.py: there are hardly any links below {folder}")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
