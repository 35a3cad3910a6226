#!/usr/bin/python3
"""Writes the dashboards from what source/ says of them: `make dashboards`.

    dashboards/build.py            write fleet.json, guest.json and exporter.json
    dashboards/build.py --check    say which of them are not what it would write
"""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
# pylint: disable=wrong-import-position
from source import exporter, fleet, guest

DASHBOARDS = {"fleet": fleet, "guest": guest, "exporter": exporter}


def text_of(module):
    return json.dumps(module.dashboard(), indent=2, ensure_ascii=False) + "\n"


def is_current(path, text):
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8") as file:
        return file.read() == text


def main():
    check = sys.argv[1:] == ["--check"]
    old = [name for name, module in DASHBOARDS.items()
           if not is_current(os.path.join(HERE, f"{name}.json"), text_of(module))]
    if check and old:
        sys.exit(f"dashboards/{', '.join(f'{name}.json' for name in old)}: not what "
                 "dashboards/source says: make dashboards")
    for name in old:
        with open(os.path.join(HERE, f"{name}.json"), "w", encoding="utf-8") as file:
            file.write(text_of(DASHBOARDS[name]))
        print(f"dashboards/{name}.json")


if __name__ == "__main__":
    main()
