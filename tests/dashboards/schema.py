#!/usr/bin/python3
"""Compares the dashboards with the types of @grafana/schema, by the TypeScript compiler.

    tests/dashboards/schema.py [FILE ...]      (default: the dashboards)

It needs node and npm, and once npm's registry: node_modules/ is made from package-lock.json.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
DASHBOARDS = os.path.join(HERE, "..", "..", "dashboards")
MODULES = os.path.join(HERE, "node_modules")
COMPILER = os.path.join(MODULES, "typescript", "bin", "tsc")
HEAD = 'import type { Dashboard } from "../types";\nexport const dashboard: Dashboard = '
INSTALL_S = 300


class SchemaError(Exception):
    """The comparison cannot be made; says why."""


def programs():
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            raise SchemaError(f"{name} is missing: run scripts/install-packages test")


def is_installed():
    """Whether what npm has put there is from this lock file."""
    try:
        with open(os.path.join(MODULES, ".package-lock.json"), encoding="utf-8") as file:
            there = json.load(file)["packages"]
        with open(os.path.join(HERE, "package-lock.json"), encoding="utf-8") as file:
            wanted = json.load(file)["packages"]
    except (OSError, ValueError, KeyError):
        return False
    return all(there.get(path, {}).get("integrity") == package.get("integrity")
               for path, package in wanted.items() if path)


def install():
    if is_installed():
        return
    try:
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-progress"], cwd=HERE,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=INSTALL_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise SchemaError(f"npm has not installed @grafana/schema within {INSTALL_S} s: is its "
                          "registry reachable?") from error
    if done.returncode != 0:
        raise SchemaError("npm cannot install @grafana/schema (is its registry reachable? npm ci "
                          f"in {os.path.relpath(HERE)} says more):\n{done.stdout[-2000:]}")


def complaints_of(boards):
    """{name: [what the compiler says of the dashboard]} of {name: dashboard}."""
    # Below this folder, where the compiler finds the types.
    with tempfile.TemporaryDirectory(dir=HERE, prefix="out-") as folder:
        for name, board in boards.items():
            with open(os.path.join(folder, f"{name}.ts"), "w", encoding="utf-8") as file:
                file.write(HEAD + json.dumps(board, indent=2))
        settings = {"extends": "../tsconfig.json", "include": ["../types.ts", "*.ts"]}
        with open(os.path.join(folder, "tsconfig.json"), "w", encoding="utf-8") as file:
            json.dump(settings, file)
        done = subprocess.run(["node", COMPILER, "--pretty", "false", "-p", folder],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
    found = {name: [] for name in boards}
    name = None
    for line in done.stdout.splitlines():
        place = re.match(r"(?:.*/)?([\w-]+)\.ts\((\d+),\d+\): (.*)", line)
        if place and place[1] in found:
            name = place[1]
            found[name].append(f"line {int(place[2]) - 1}: {place[3]}")
        elif name and line.startswith(" "):
            found[name][-1] += "\n" + line
        else:
            raise SchemaError(f"the TypeScript compiler says: {done.stdout[:2000]}")
    if done.returncode != 0 and not any(found.values()):
        raise SchemaError(f"the TypeScript compiler ended with {done.returncode}")
    return found


def main():
    paths = sys.argv[1:] or sorted(glob.glob(os.path.join(DASHBOARDS, "*.json")))
    boards = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            boards[os.path.basename(path).removesuffix(".json")] = json.load(file)
    try:
        programs()
        install()
        found = complaints_of(boards)
    except SchemaError as error:
        sys.exit(f"tests/dashboards/schema.py: {error}")
    for path, (name, complaints) in zip(paths, found.items()):
        for one in complaints:
            print(f"{os.path.relpath(path)}: {one}", file=sys.stderr)
        if not complaints:
            print(f"ok    {os.path.relpath(path)}: as @grafana/schema has it")
    sys.exit(1 if any(found.values()) else 0)


if __name__ == "__main__":
    main()
