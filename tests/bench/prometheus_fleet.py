"""Writes a fleet that is not there into a Prometheus: the series of one real guest and of its
exporter, again and again under other names, some of them in trouble.

Samples go by remote_write, as far back as the rules and the dashboards look.  Those of a series
are encoded once and taken for all guests, so that Prometheus is what takes the time.
"""

import http.client
import struct
import urllib.parse

from lab.error import LabError

STEP_S = 15  # the scrape_interval of config/prometheus
GUESTS_A_HOST = 40
REQUEST_BYTES = 4 << 20
MOUNTPOINTS = ("", "/home", "/var/lib/data")  # of each guest, besides what the real one has
HOST = ("qga_exporter_", "qga_host_", "process_")
# Of a hundred guests: without an agent, and so on.
STATES = {**dict.fromkeys(range(5), "unconfigured"), 5: "disconnected", 6: "unresponsive",
          7: "paused"}
FULL, WRONG_CLOCK, OLD = 8, 9, 10
# What counts troubles stands still.
STILL = ("qga_domain_events_total", "qga_clock_steps_total", "_errs_total", "_drop_total",
         "qga_agent_failures_total", "qga_exporter_lanes_abandoned_total", "_errors_total")


def varint(number):
    out = bytearray()
    while number > 0x7f:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, data):
    """A field of a protocol buffer that has a length."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def label(name, value):
    return field(1, field(1, name.encode()) + field(2, value.encode()))


def sample(value, at_ms):
    return field(2, struct.pack("<Bd", 1 << 3 | 1, value) + varint(2 << 3) + varint(at_ms))


def literally(data):
    """A block of Snappy that is not compressed."""
    return varint(len(data)) + bytes((63 << 2,)) + struct.pack("<I", len(data) - 1) + data


class Writer:
    """Series for one Prometheus, in requests of a few MB."""

    def __init__(self, url):
        address = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(address.hostname, address.port, timeout=300)
        self.waiting, self.bytes = [], 0
        self.series = self.samples = 0

    def add(self, labels, samples, count):
        """labels is {name: value} with __name__."""
        text = b"".join(label(name, labels[name]) for name in sorted(labels) if labels[name])
        one = field(1, text + samples)
        self.waiting.append(one)
        self.bytes += len(one)
        self.series += 1
        self.samples += count
        if self.bytes > REQUEST_BYTES:
            self.flush()

    def flush(self):
        if not self.waiting:
            return
        self.connection.request("POST", "/api/v1/write", literally(b"".join(self.waiting)), {
            "Content-Encoding": "snappy", "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0"})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise LabError(f"remote_write: {answer.status} {text[:200]}")
        self.waiting, self.bytes = [], 0


class Samples:
    """The encoded samples of a series, from so far back to the end."""

    def __init__(self, end_s, history_s):
        self.end_s = end_s
        self.history_s = history_s  # {metric: seconds}
        self.made = {}

    def of(self, name, value, variant=0, history_s=None):
        """(bytes, how many)"""
        history_s = history_s or self.history_s.get(name, 5 * 60)
        key = (name, value, variant, history_s)
        if key not in self.made:
            count = history_s // STEP_S + 1
            self.made[key] = (b"".join(
                sample(self._value(name, value, back, variant),
                       1000 * (self.end_s - back * STEP_S))
                for back in reversed(range(count))), count)
        return self.made[key]

    @staticmethod
    def _value(name, value, back, variant):
        if name.endswith(("_total", "_bucket", "_sum", "_count")) and not name.endswith(STILL):
            return value + 1000 - back * (1 + variant % 3)
        if name.endswith("_avail_bytes"):
            return value * (1 + 1e-5 * (back * 7919 % 13 - variant))
        if name.endswith(("_seconds", "_load1", "_load5", "_load15")):
            return value + 1e-3 * (back * 7919 % 17)
        return value


def of_guests(metrics, domain):
    """[(name, labels, value)] of the real guest, with further filesystems."""
    for name, labels, value in metrics.samples:
        if labels.get("domain") != domain:
            continue
        for place, mountpoint in enumerate(MOUNTPOINTS if "mountpoint" in labels else ("",)):
            yield name, {**labels, **({"mountpoint": mountpoint, "device": f"vd{'abc'[place]}1"}
                                      if mountpoint else {})}, value


def troubled(name, labels, value, number, end_s):
    """What a guest says, in its trouble; nothing if it says nothing."""
    state = STATES.get(number % 100)
    if name == "qga_agent_state":
        return {**labels, "state": state or "responsive"}, value
    if state and name == "qga_up":
        return labels, 0
    if state and not name.startswith(("qga_domain_", "qga_agent_", "qga_collector_")):
        return None
    if number % 100 == FULL and name == "qga_filesystem_avail_bytes":
        return labels, value / 1000
    if number % 100 == WRONG_CLOCK and name == "qga_clock_offset_seconds":
        return labels, 7.0
    if number % 100 == OLD and name == "qga_agent_info":
        return {**labels, "version": "4.2.0"}, value
    if name == "qga_domain_info":
        return {**labels, "uuid": f"00000000-0000-4000-8000-{number:012d}",
                "title": f"shop {number}", "project": f"project-{number % 90}"}, value
    if name == "qga_network_address_info":
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        return {**labels, "address": address if labels["family"] == "ipv4"
                else f"2001:db8::{number:x}"}, value
    if name.endswith("_timestamp_seconds"):
        return labels, float(end_s - 10)
    return labels, value


def write(url, metrics, domain, guests, end_s, history_s):
    """All of the fleet; returns (series, samples)."""
    writer, samples = Writer(url), Samples(end_s, history_s)
    guest = list(of_guests(metrics, domain))
    own = [one for one in metrics.samples if one[0].startswith(HOST)]
    for host in range(-(-guests // GUESTS_A_HOST)):
        where = {"job": "qga", "instance": f"hv{host:03d}", "zone": f"z{host % 3}"}
        for name, value in (("up", 1.0), ("scrape_samples_scraped", 4000.0),
                            ("scrape_duration_seconds", 0.04)):
            writer.add({"__name__": name, **where}, *samples.of(name, value))
        for name, labels, value in own:
            if name.endswith("_timestamp_seconds"):
                value = float(end_s)
            elif name == "process_start_time_seconds":
                value = float(end_s - 86400)
            writer.add({"__name__": name, **where, **labels}, *samples.of(name, value, host % 4))
        for number in range(host * GUESTS_A_HOST, min(guests, (host + 1) * GUESTS_A_HOST)):
            for name, labels, value in guest:
                said = troubled(name, labels, value, number, end_s)
                if said:
                    writer.add({"__name__": name, **where, **said[0], "domain": f"vm{number:05d}"},
                               *samples.of(name, said[1], number % 4))
    writer.flush()
    return writer.series, writer.samples
