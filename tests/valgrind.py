#!/usr/bin/python3
"""`make valgrind`: the exporter under memcheck, with two guests and two sockets, for a minute
in which libvirtd is restarted, an agent hangs and the configuration is read again, until
SIGTERM: no error, and nothing lost.
"""

import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "e2e")]
# pylint: disable=wrong-import-position
from conftest import QUICK_CONFIG, write_config
from lab.agents import Agents
from lab.lab import Lab
from lab.process import program
from lab.programs import Exporter, get

SECONDS = float(os.environ.get("VALGRIND_SECONDS", "60"))
FOUND = 99  # the exit status when memcheck has found something


def answers(*names):
    return lambda metrics: all(metrics.value("qga_up", domain=name) == 1 for name in names)


def busy_minute(lab, exporter):
    end = time.monotonic() + SECONDS
    everybody = answers("old", "new", "s0", "s1")
    exporter.wait_for(everybody, "all guests", 60)
    exporter.reload()
    lab.guests["old"].run("agent stop")
    exporter.wait_for(lambda metrics: metrics.value("qga_up", domain="old") == 0, "it hangs", 30)
    lab.guests["old"].run("agent cont")
    lab.restart_libvirtd()
    lab.guests["new"].stop()
    exporter.wait_for(lambda metrics: "new" not in metrics.domains(), "a guest less", 30)
    lab.guests["new"].start()
    exporter.wait_for(everybody, "all guests again", 60)
    while time.monotonic() < end:
        for path in ("/metrics", "/", "/guests", "/sd", "/nowhere"):
            get(exporter.url + path)
        time.sleep(0.2)


def main():
    with Lab() as lab, Agents(lab.directory) as agents:
        for name, agent in (("old", "7.2"), ("new", "10.0")):
            lab.guest(name, agent=agent).start()
        for guest in lab.guests.values():
            guest.wait_for_agent().wait_for_control()
        for name in ("s0", "s1"):
            agents.start(name)
        config = write_config(lab, 'sources: [{name: host, libvirt: {uri: "%s"}}, '
                              '{name: sockets, socket: {path: "%s"}}]\n'
                              % (lab.uri, agents.pattern) + QUICK_CONFIG)
        log = os.path.join(lab.directory, "valgrind.out")
        command = (program("valgrind"), "--leak-check=full", "--show-leak-kinds=definite,possible",
                   "--errors-for-leak-kinds=definite", f"--error-exitcode={FOUND}",
                   f"--suppressions={HERE}/valgrind.supp", "--num-callers=30", f"--log-file={log}")
        exporter = Exporter(lab, f"--config.file={config}", uri="", command=command)
        with exporter:
            busy_minute(lab, exporter)
            status = exporter.process.stop(timeout_s=60)
        with open(log, encoding="utf-8", errors="replace") as file:
            text = file.read()
        print(text if status else text[text.find("HEAP SUMMARY"):])
        if status:
            sys.exit(f"valgrind: the exporter ended with {status}"
                     + (": memcheck has found something" if status == FOUND else ""))


if __name__ == "__main__":
    main()
