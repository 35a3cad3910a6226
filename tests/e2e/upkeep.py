"""That the files of tests do not hurt each other: each leaves the lab as it found it, and
one cause is one failure.

After each file the lab is looked at; what is otherwise than it was made is put right and
noted, and fails the file, unless something in it has failed already.  Where a fixture
fails, the first test that wanted it fails, and the others are skipped with its name."""

import signal
import subprocess
import time

from lab.process import wait_for

CLOCK_MAX_S = 3  # by the agent's word, through virsh
CLOCK_SLIP_S = 20  # what a starved machine makes of an emulated guest; no test leaves so little


class Upkeep:
    """Of this process: one lab, and what has happened in it."""

    def __init__(self):
        self.lab = None
        self.clocks = {}     # of the guests with an agent: how far each is set off, in seconds
        self.failed = set()  # files
        self.causes = []     # (exception, the test that has met it first)

    def keep(self, lab, clocks):
        """lab: as it is now, with its guests, it shall be at the end of each file."""
        self.lab, self.clocks = lab, clocks
        self.names = set(lab.guests)

    def forget(self):
        self.lab = None

    def judge(self, item, call, report):
        """For pytest_runtest_makereport."""
        if self.lab is not None and self.lab.notes:
            report.user_properties = [*report.user_properties,
                                      *(("lab", note) for note in self.lab.notes)]
            self.lab.notes.clear()
        if not report.failed:
            return
        self.failed.add(item.path)
        if call.when != "setup":
            return
        error = call.excinfo.value
        first = next((name for known, name in self.causes if known is error), None)
        if first is None:
            self.causes.append((error, item.nodeid))
            return
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, f"Skipped: for what has failed in {first}")

    def put_right(self, path, has_failed):
        """At the end of a file; whether it has failed just now."""
        if self.lab is None or self.lab.directory is None:
            return
        found = list(_otherwise(self.lab, self.names, self.clocks))
        if not found:
            return
        text = f"left by {path.name}, and put right: {'; '.join(found)}"
        if has_failed or path in self.failed:
            self.lab.notes.append(text)
        else:
            raise AssertionError(text)


UPKEEP = Upkeep()


def notes_of(terminalreporter):
    """What the lab had to put right, from all processes, each once."""
    reports = [report for kind in ("passed", "failed", "error", "skipped", "")
               for report in terminalreporter.stats.get(kind, [])]
    return dict.fromkeys(note for report in reports
                         for name, note in getattr(report, "user_properties", []) if name == "lab")


def _otherwise(lab, names, clocks):
    """Sentences; each is put right before the next is looked for."""
    yield from _daemon(lab)
    running = set(lab.virsh("list", "--all", "--name").split())
    for name in sorted(running - names):
        lab.virsh("destroy", name, check=False)
        yield f"{name} runs"
    for name in sorted(names):
        yield from _domain(lab.guests[name], name in running)
    for name in names & set(clocks):
        yield from _agent(lab.guests[name], clocks[name])
    if "name='org.qemu.guest_agent.0' state='connected'" in lab.virsh("dumpxml", "silent"):
        lab.guests["silent"].wait_for_control().run("agent hold")
        yield "silent has an agent"


def _daemon(lab):
    if lab.libvirtd.process is None or not lab.libvirtd.process.alive():
        lab.start_libvirtd()
        yield "libvirtd is not there"
    with open(f"/proc/{lab.libvirtd.pid}/stat", encoding="ascii") as file:
        stopped = file.read().rpartition(")")[2].split()[0] == "T"
    if stopped:
        lab.libvirtd.signal(signal.SIGCONT)
        wait_for(lambda: lab.virsh("uri"), "libvirtd answers")
        yield "libvirtd is stopped"


def _domain(guest, is_there):
    state = guest.state() if is_there else "shut off"
    if state == "running":
        return
    if state == "paused":
        guest.lab.virsh("resume", guest.name)
    else:
        guest.lab.virsh("destroy", guest.name, check=False)
        guest.start()
        if guest.control:
            guest.wait_for_control()
    yield f"{guest.name} is {state}"


def _agent(guest, clock_s):
    """Asked once; then it is let loose, and asked until it answers."""
    def thawed():
        return guest.agent_command("guest-fsfreeze-status") == "thawed"

    try:
        wrong = "" if thawed() else "is frozen"
    except subprocess.SubprocessError as error:
        wrong = f"does not answer ({error})"
    if wrong:
        yield f"the agent of {guest.name} {wrong}"
        guest.wait_for_control().run("agent release; agent cont; agent options;"
                                     " fsfreeze -u /data; agent kill", check=False)
        wait_for(thawed, f"the agent of {guest.name}, let loose")
    offset_s = guest.agent_command("guest-get-time") / 1e9 - time.time()
    if abs(offset_s - clock_s) > CLOCK_SLIP_S:
        yield f"the clock of {guest.name} is {offset_s:.0f} s off, not {clock_s}"
    if abs(offset_s - clock_s) > CLOCK_MAX_S:
        guest.wait_for_control().set_clock(clock_s)

