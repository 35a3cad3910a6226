"""What a Python file of the project takes from another one is there: what only people run, as
benchmarks, is else found broken by the first who does after a change."""

import ast
import os
import subprocess

import pytest

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
SCRIPTS = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
                         cwd=TOP, check=True, text=True, stdout=subprocess.PIPE).stdout.split()
PACKAGES = {os.path.basename(os.path.dirname(path)): os.path.dirname(path)
            for path in SCRIPTS if path.endswith("/__init__.py")}


def tree_of(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return ast.parse(file.read(), path)


def names_of(path):
    """Whatever is bound anywhere in it: enough for a name that is gone."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)


def files_of(node, path):
    """Of our own: whatever it may be that an import names; and the folder of a package, or None."""
    parts = (node.module or "").split(".")
    folder = os.path.dirname(path) if node.level > 0 else PACKAGES.get(parts[0])
    if folder is None:  # a folder of tests has its modules on its path, whichever that is
        return [one for one in SCRIPTS if os.path.basename(one) == f"{parts[-1]}.py"
                and os.path.dirname(one) not in PACKAGES.values()], None
    inner = parts[0 if node.level > 0 else 1:]
    if inner and inner[0]:
        return [f"{folder}/{inner[0]}.py"], None
    return [f"{folder}/__init__.py"], folder


@pytest.mark.parametrize("path", SCRIPTS)
def test_what_it_imports_is_there(path):
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.ImportFrom):
            continue
        files, folder = files_of(node, path)
        bound = {name for file in files for name in names_of(file)}
        for alias in node.names:
            is_there = (not files or alias.name in bound
                        or folder and f"{folder}/{alias.name}.py" in SCRIPTS)
            assert is_there, f"{path}:{node.lineno}: {' '.join(files)} has no {alias.name}"
