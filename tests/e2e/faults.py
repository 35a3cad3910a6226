#!/usr/bin/python3
"""What can go wrong with a guest, and how the exporter shows it: the table of
docs/FAULTS.md, which the tests of test_faults_*.py hold the exporter to.

    tests/e2e/faults.py            writes the document to standard output
    tests/e2e/faults.py --check    compares it with docs/FAULTS.md
"""

import dataclasses
import difflib
import os
import sys

DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/FAULTS.md")


@dataclasses.dataclass(frozen=True)
class Bound:
    """How long something takes: by default, in words; in the tests, where every interval is
    a second or two, every timeout 2 s and the back-off 1 to 2 s, in seconds. It is counted from
    this event of libvirt's, by the name in the exporter's log, or from any; or from when
    the test says."""

    words: str
    seconds: float
    event: str = None


NOW = Bound("at once: libvirt's event", 1)
CALL = Bound("with the next call (clock: 15 s)", 4)
HUNG = Bound("with the next call (clock: 15 s), after its timeout (3 s) and libvirt's own sync (5 s)",
             12)
BUSY = Bound("with the next call (clock: 15 s), 15 s later: an agent that only hangs would have made "
             "libvirt say so", 18)
STATUS = Bound("with the next call (clock: 15 s)", 10)
KEEPALIVE = Bound("old values leave with their age; calls are given up after 15 s, the source is "
                  "down after 30 s at most", 40)
SILENT = Bound("after 15 s, which it is given to let the exporter in", 20)
CLOSED = Bound("at once: the connection closes", 2)

EVENT = Bound("under 2 s after the agent's return: libvirt's event", 2, "agent_connected")
RUNS = Bound("under 2 s after the domain runs: libvirt's event", 2)
LOOKED = Bound("under 4 s: libvirt tells of it by no event, so it is looked at every 2 s", 4)
PROBE = Bound("with the next probe (10 s after the first failure, then 1 min, doubling to "
              "15 min); under 2 s when the agent restarts", 11)
THAWED = Bound("under 5 s: asked every 5 s", 7)
LEFT_ALONE = Bound("after 1 min, for which the guest is left alone", 75)
RECONNECT = Bound("under 10 s after the daemon answers", 10)
UNDEFINED = Bound("1 s after it connects, or the domain starts: for so long it waits", 4)
RETRIED = Bound("within 1 s after QEMU answers: libvirt is asked again each second", 3)
NONE = Bound("nothing to recover", 0)


@dataclasses.dataclass(frozen=True)
class Fault:
    """One row; `reason` is that of qga_agent_failures_total."""

    what: str
    state: str
    reason: str
    notice: Bound
    recover: Bound
    remedy: str


# By a short name, which the tests use.
FAULTS = {
    "no channel": Fault(
        "The domain has no agent channel", "unconfigured", "", NOW, NOW,
        "Add the channel `org.qemu.guest_agent.0` to the domain's XML (it can be plugged in "
        "while the domain runs)"),
    "never started": Fault(
        "The channel is there, but no agent was ever started", "disconnected", "", NOW, EVENT,
        "Install and start `qemu-guest-agent` in the guest"),
    "killed": Fault(
        "The agent has ended", "disconnected", "", NOW, EVENT,
        "Start its service again; let systemd restart it"),
    "hung": Fault(
        "The agent is there and does not answer", "unresponsive", "timeout", HUNG, PROBE,
        "Look what it waits for (a hung mount?); restart it"),
    "paused": Fault(
        "The domain is paused", "paused", "", NOW, RUNS, "`virsh resume`"),
    "crashed": Fault(
        "The guest has panicked and is kept (`on_crash` preserve)", "paused", "", NOW, EVENT,
        "Read its dump; `virsh destroy` and start it"),
    "pmsuspended": Fault(
        "The guest sleeps (suspend to RAM)", "paused", "", NOW, RUNS, "`virsh dompmwakeup`"),
    "shutting down": Fault(
        "The guest shuts down", "(its series leave)", "", NOW, EVENT,
        "None; start it again"),
    "rebooting": Fault(
        "The guest reboots", "disconnected", "", NOW, EVENT, "Wait for its agent"),
    "saved": Fault(
        "The domain is saved to a file", "paused, then its series leave", "", NOW, EVENT,
        "None; `virsh restore`"),
    "migrating": Fault(
        "The domain migrates to another host",
        "`migrating` here while its memory is sent, then its series leave; `migrating` there "
        "until it runs", "", NOW, RUNS,
        "None"),
    "migration given up": Fault(
        "... and does not get there (`virsh domjobabort`)",
        "migrating, then as before", "", NOW, LOOKED,
        "None"),
    "unknown command": Fault(
        "The agent is too old for a command", "responsive", "unsupported", CALL, EVENT,
        "Update the agent; `qga_collector_supported` names the collector"),
    "disabled command": Fault(
        "The guest's administrator has disabled a command (`--block-rpcs`, `--allow-rpcs`)",
        "responsive", "", CALL, EVENT,
        "Allow it in the agent's configuration, or turn the collector off; "
        "`qga_collector_supported` names it"),
    "frozen": Fault(
        "The filesystems are frozen (a backup)", "frozen", "", STATUS, THAWED,
        "None; if `qga_filesystems_frozen_since_timestamp_seconds` is older than the backup, `virsh domfsthaw`"),
    "busy": Fault(
        "Another client's call holds the agent (a long fsfreeze hook)",
        "busy", "", BUSY, LEFT_ALONE,
        "Shorten the hook; `qga_exporter_calls_total{outcome=\"busy\"}` counts such calls"),
    "denied": Fault(
        "libvirt denies the call (a read-only connection, an access rule)", "denied", "denied",
        CALL, PROBE, "Use the read-write socket; with `access_drivers`, grant `domain.write` "
        "(`config/polkit/50-qga-exporter.rules`)"),
    "not let in": Fault(
        "libvirt does not let the exporter in (polkit, the rights of its socket)",
        "(no series of guests, `qga_exporter_source_up` 0)", "", CLOSED, RECONNECT,
        "Copy `config/polkit/50-qga-exporter.rules` to `/etc/polkit-1/rules.d/`, or add the "
        "user to the group `libvirt`"),
    "malformed": Fault(
        "The reply is no JSON, or no reply", "malformed", "malformed", CALL, EVENT,
        "Restart the agent: libvirt talks no more to one that has sent garbage"),
    "wrong shape": Fault(
        "The reply is not what is documented for its command", "responsive", "wrong_shape",
        CALL, EVENT, "Update the agent; `qga-exporter doctor` says what is wrong with which reply"),
    "too large": Fault(
        "The reply is too large", "responsive", "too_large", CALL, EVENT,
        "Exclude what is too much in the guest, or raise `limits.reply_bytes`"),
    "out of step": Fault(
        "The agent answers something else than what was asked last", "unresponsive", "timeout",
        HUNG, EVENT, "Restart the agent"),
    "stuck": Fault(
        "The domain's QEMU did not answer libvirt from the start (libvirt 11 and newer, which "
        "then does not tell the definition)", "unknown", "", UNDEFINED, RETRIED,
        "Look at its QEMU (`virsh domcontrol`, its storage); the guest is not asked, as its "
        "definition may say so"),
    "stuck later": Fault(
        "... or stopped answering later; with libvirt 9 and 10 also from the start, as these tell "
        "the definition all the same", "unresponsive", "timeout", HUNG, PROBE,
        "Look at its QEMU, likewise; `qga-exporter doctor` says that it is that, as long as somebody "
        "waits for it (`occupied`), and else cannot tell it from a guest that hangs. Without an agent that "
        "is connected it stays `disconnected`, which names that"),
    "libvirtd gone": Fault(
        "The libvirt daemon is gone", "unknown", "", CLOSED, RECONNECT, "Start it"),
    "libvirtd hung": Fault(
        "The libvirt daemon hangs", "busy, then unknown", "", KEEPALIVE, RECONNECT,
        "Restart it; `qga_exporter_lanes_abandoned_total` counts the calls given up"),
    "libvirtd hung at the start": Fault(
        "... when the exporter connects", "(no series of guests, `qga_exporter_source_up` 0)",
        "", SILENT, RECONNECT, "Restart it; the log says that it has not answered"),
    "libvirtd restarted": Fault(
        "The libvirt daemon is restarted or upgraded", "unknown for a moment", "", CLOSED,
        RECONNECT, "None"),
}

INTRODUCTION = """\
# Faults and what they look like

What `qga_agent_state` says of a guest, which `reason` of `qga_agent_failures_total` counts
(—: nothing failed, but for a
call that was on its way), how soon the exporter notices, how soon it is over, and what to do.
The times are those of the default configuration, on libvirt guests. `make docs` writes this
page from `tests/e2e/faults.py`; `tests/e2e/test_faults_*.py` bring each of these faults about
on real guests and hold the exporter to state, reason and times, which its log at `debug`
tells.
"""

NOTES = """\

A fault costs the guest that has it, and no other: each test above watches two more guests,
whose values must stay fresh. Guests behind sockets of their own (`socket` sources) have the
states of their agents without the rows that are libvirt's; a shared socket that another program
holds is `busy`, and a kept one `unresponsive`, with reason `held`. That an agent behind a shared
socket answers again is seen with the next probe.

Guests of Proxmox VE are such guests; what files tell of them ([their states](proxmox.md#states))
is noticed within two seconds.

`tests/e2e/long/test_hostile_agents.py` does the same with agents that mean harm (that flood,
trickle, answer 10 MB, nest, lie, forge lines, invent 100,000 interfaces, are others at every
call, set their clock to the end of time), behind a virtio channel and behind a socket, and
with replies of up to 4 MiB allowed: the exporter stays under 96 MiB of memory, and
`qga_collector_dropped_series` counts what the limits cut. What backups, shutdowns and other
clients of the agent notice of the exporter, and what 10,000 calls leave behind in a guest
(nothing), is in `tests/e2e/test_harmless.py` and `make harmless`.
"""


def document():
    """The text of docs/FAULTS.md."""
    rows = ["| Fault | State | Reason | Noticed | Over | Remedy |", "|---|---|---|---|---|---|"]
    for fault in FAULTS.values():
        reason = f"`{fault.reason}`" if fault.reason else "—"
        state = f"`{fault.state}`" if fault.state.isalpha() else fault.state
        rows.append(f"| {fault.what} | {state} | {reason} | {fault.notice.words} | "
                    f"{fault.recover.words} | {fault.remedy} |")
    return INTRODUCTION + "\n" + "\n".join(rows) + "\n" + NOTES


def main():
    """As the opening comment says."""
    if sys.argv[1:] != ["--check"]:
        sys.stdout.write(document())
        return
    with open(DOCUMENT, encoding="utf-8") as file:
        written = file.read()
    if written != document():
        sys.stdout.writelines(difflib.unified_diff(
            written.splitlines(True), document().splitlines(True), "docs/FAULTS.md", "the tests"))
        sys.exit("docs/FAULTS.md is out of date: make docs")


if __name__ == "__main__":
    main()
