"""What `make demo` shows: two real guests, the exporter, and what it says of them."""

import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
# pylint: disable=wrong-import-position
from lab.error import LabError
from lab.lab import Lab
from lab.process import free_port, port_is_free
from lab.programs import Exporter

DEFAULT_PORT = 10177
REFRESH_S = 3
CLOCK_OFFSET_S = 90


def say(text=""):
    print(text, flush=True)


def mib(value):
    return f"{value / (1 << 20):.1f} MiB"


def describe(metrics, domain):
    """Lines about one guest, each from series that are there."""
    state = metrics.state(domain)
    agent = metrics.labels("qga_agent_info", domain=domain)
    yield domain, f"agent {agent['version'] if agent else '?'}, {state}"
    offset = metrics.value("qga_clock_offset_seconds", domain=domain)
    error = metrics.value("qga_clock_offset_uncertainty_seconds", domain=domain)
    if offset is not None and error is not None:
        yield "clock", f"{offset:+.4f} s against the host, ± {error:.4f} s"
    system = metrics.labels("qga_os_info", domain=domain)
    if system:
        yield "os", f"{system.get('pretty_name', '?')}, Linux {system.get('kernel_release', '?')}"
    addresses = [labels["address"] + (f"/{labels['prefix_length']}" if "prefix_length" in labels
                                      else "") + " on " + labels["device"]
                 for labels, _ in metrics.find("qga_network_address_info", domain=domain)]
    if addresses:
        yield "network", ", ".join(addresses)
    for labels, size in metrics.find("qga_filesystem_size_bytes", domain=domain):
        avail = metrics.value("qga_filesystem_avail_bytes", **labels)
        yield "disk", (f"{labels['mountpoint']} ({labels['fstype']}): {mib(avail or 0)} of "
                       f"{mib(size)} available")
    vcpus = metrics.find("qga_cpu_online", domain=domain)
    if vcpus:
        yield "vcpus", f"{sum(int(value) for _, value in vcpus)} of {len(vcpus)} online"


def table(metrics, domains):
    lines = []
    for domain in domains:
        for label, text in describe(metrics, domain):
            lines.append(f"{label:<10} {text}" if label == domain else f"  {label:<8} {text}")
        lines.append("")
    return lines


def complete(metrics, domains):
    return all(metrics.value(name, domain=domain) is not None for domain in domains
               for name in ("qga_clock_offset_seconds",)) and all(
        metrics.find(name, domain=domain) for domain in domains
        for name in ("qga_os_info", "qga_network_address_info", "qga_filesystem_size_bytes",
                     "qga_cpu_online", "qga_agent_info"))


def show(exporter, domains):
    live = sys.stdout.isatty()
    heading = [f"{exporter.url}/metrics", ""]
    ending = ["Ctrl-C ends it and leaves nothing behind."]
    while True:
        body = table(exporter.metrics(), domains)
        if live:
            sys.stdout.write("\033[H\033[2J")
        say("\n".join(heading + body + ending))
        if not live:
            while exporter.process.alive():
                time.sleep(1)
        time.sleep(REFRESH_S)
        if not exporter.process.alive():
            raise LabError(f"the exporter has ended:\n{exporter.process.log()}")


def demo():
    with Lab() as lab:
        say("demo: booting two guests under a libvirtd of their own")
        guests = [
            lab.guest("bookworm", agent="7.2", vcpus=2, mounts=("/var/lib/kubelet/pods/x",),
                      fresh=True),
            lab.guest("trixie", agent="10.0", fresh=True),
        ]
        for guest in guests:
            guest.start()
        guests[1].wait_for_control().set_clock(CLOCK_OFFSET_S)
        port = DEFAULT_PORT if port_is_free(DEFAULT_PORT) else free_port()
        with Exporter(lab, port=port) as exporter:
            say(f"demo: qga-exporter --libvirt.uri='{lab.uri}'")
            say(f"demo: {exporter.url}/metrics; waiting for the guests' agents")
            domains = [guest.name for guest in guests]
            exporter.wait_for(lambda metrics: complete(metrics, domains),
                              "the series of both guests", 90, 0.2)
            show(exporter, domains)


def main():
    signals = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)

    def end(*_):
        for number in signals:  # a second Ctrl-C must not cut the clean-up short
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in signals:
        signal.signal(number, end)
    try:
        demo()
    except KeyboardInterrupt:
        say("\ndemo: all ended and removed")
    except (LabError, AssertionError) as error:
        sys.exit(f"demo: {error}")


if __name__ == "__main__":
    main()
