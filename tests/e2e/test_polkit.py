"""A libvirtd that asks polkit at the door and for every call, and an exporter that is
nobody: what it may not do is told, and the rule in config/polkit is what it needs."""

import os
import shutil
import subprocess

import pytest

from conftest import QUICK_CONFIG, write_config
from lab.image import ROOT
from lab.polkit import USER, PolkitLab
from lab.process import program, wait_for
from lab.programs import EXPORTER
from timeline import observed
from watched import Watched

URI = "qemu:///system"
NAME = "guarded"
RULE = "50-qga-exporter.rules"
DEVICE = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
ASKS = "sources: [{libvirt: {ask_without_definition: true}}]\n"

# All that the exporter does not do: to guests, to their definitions and what these hide, with
# their agents by libvirt's own calls, and with all of libvirt's other drivers.
REFUSED = """
start idle
create {folder}/{name}.xml
destroy {name}
suspend {name}
resume {name}
reset {name}
shutdown {name}
reboot {name}
save {name} {folder}/saved
managedsave {name}
dump {name} {folder}/dumped
inject-nmi {name}
send-key {name} KEY_A
screenshot {name} {folder}/screen
snapshot-create {name}
edit {name}
define {folder}/{name}.xml
undefine idle
dumpxml --security-info {name}
attach-device idle {folder}/device.xml --config
domfsfreeze {name}
domfsthaw {name}
domfstrim {name}
set-user-password {name} root secret
secret-list
secret-define {folder}/secret.xml
net-list
pool-list
nwfilter-list
nodedev-list
iface-list
capabilities
""".split("\n")[1:-1]


def shipped_rule():
    with open(os.path.join(ROOT, "config/polkit", RULE), encoding="utf-8") as file:
        return file.read()


def write(lab, name, text):
    path = f"{lab.directory}/{name}"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


@pytest.fixture(scope="module", name="guarded")
def _guarded():
    """The lab, with one guest whose agent answers."""
    with PolkitLab(keep_logs=os.environ.get("QGA_E2E_LOGS")) as lab:
        # Where the tree lies, the user may not look.
        lab.exporter = shutil.copy(EXPORTER, lab.directory)
        lab.guest(NAME, agent="10.0").start().wait_for_agent()
        write(lab, "device.xml", DEVICE)
        write(lab, "secret.xml", "<secret/>")
        yield lab


@pytest.fixture(name="idle")
def _idle(guarded):
    """A guest that is off."""
    guarded.virsh("define", write(guarded, "idle.xml", guarded.guest("idle", system=False).xml()))
    yield
    guarded.virsh("undefine", "idle")


def virsh(lab, command):
    words = [word.format(name=NAME, folder=lab.directory) for word in command.split()]
    return without_rights(lab, program("virsh"), "-c", URI, *words)


def without_rights(lab, *command):
    return subprocess.run([*lab.as_user(), *command], stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)


def doctor(lab):
    done = without_rights(lab, lab.exporter, "doctor", f"--libvirt.uri={URI}")
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, done.stdout


def doctor_says(lab, *words):
    """And that something is wrong; on a busy machine libvirt may answer too late for it."""
    def said():
        status, text = doctor(lab)
        return status == 1 and all(word in text for word in words)
    wait_for(said, f"the doctor says {words}")


def start_exporter(lab, name, sources=""):
    return observed(lab, write_config(lab, QUICK_CONFIG + sources), name, uri=URI,
                    command=lab.as_user(), copy=lab.exporter)


def answers(metrics):
    """All of it: what needs domain.read as well as what needs domain.write."""
    return (metrics.value("qga_up", domain=NAME) == 1
            and metrics.value("qga_exporter_source_up") == 1
            and metrics.find("qga_os_info", domain=NAME)
            and metrics.value("qga_domain_vcpus", domain=NAME) == 1)


def is_let_in(lab):
    return without_rights(lab, program("virsh"), "-c", URI, "list").returncode == 0


def set_rule(lab, text, let_in=True):
    lab.set_rule(text)
    wait_for(lambda: is_let_in(lab) == let_in, "polkitd has read its rule")


def test_not_let_in(guarded):
    """Without a rule: the reason is in the log, once, and the remedy is the doctor's."""
    set_rule(guarded, "// nothing\n", let_in=False)
    with start_exporter(guarded, "stranger") as exporter:
        metrics = exporter.wait_for(lambda metrics: metrics.value("qga_exporter_source_up") == 0,
                                    "the source is away")
        assert not metrics.domains()
        wait_for(lambda: "org.libvirt.unix.manage" in exporter.process.log(), "the reason")
        doctor_says(guarded, "org.libvirt.unix.manage", f"config/polkit/{RULE}")
        watched = Watched(exporter, "not let in", NAME, others=())
        set_rule(guarded, shipped_rule())
        watched.now()
        watched.is_over(answers)
        assert exporter.process.log().count("org.libvirt.unix.manage") == 1
    wait_for(lambda: doctor(guarded)[0] == 0, "the doctor finds it well")


def test_a_right_is_missing(guarded):
    """It may see the guest, and not ask its agent."""
    rule = shipped_rule()
    less = rule.replace('"domain.write"', "")
    assert less != rule
    set_rule(guarded, less)
    with start_exporter(guarded, "reader") as exporter:
        watched = Watched(exporter, "denied", NAME, others=())
        watched.let_in()
        metrics = watched.is_noticed(lambda metrics: metrics.state(NAME) == "denied")
        assert metrics.value("qga_up", domain=NAME) == 0
        assert metrics.value("qga_exporter_source_up") == 1
        assert metrics.value("qga_agent_failures_total", domain=NAME, reason="denied") > 0
        assert metrics.value("qga_domain_vcpus", domain=NAME) == 1
        wait_for(lambda: "state=denied" in exporter.process.log()
                 and "access denied" in exporter.process.log(), "a line in the log")
        doctor_says(guarded, "domain.write", f"config/polkit/{RULE}")
        watched.ends()
        set_rule(guarded, rule)
        watched.now()
        watched.is_over(answers)


def test_the_definition_may_not_be_read(guarded):
    """It may be seen and be asked, but it might say not to ask it."""
    rule = shipped_rule()
    less = rule.replace('"domain.read", // its state and XML', "")
    assert less != rule
    set_rule(guarded, less)
    with start_exporter(guarded, "blind") as exporter:
        metrics = exporter.wait_for(lambda metrics: metrics.state(NAME) == "unknown",
                                    "the guest")
        wait_for(lambda: "domain's definition is not known" in exporter.process.log(),
                 "a line in the log")
        assert metrics.value("qga_exporter_source_up") == 1
        assert metrics.value("qga_domain_info", domain=NAME) == 1
        doctor_says(guarded, "access denied", "domain.read", f"config/polkit/{RULE}",
                    "ask_without_definition")
        assert not exporter.timeline.calls(NAME)
    with start_exporter(guarded, "asks", ASKS) as exporter:
        exporter.wait_for(lambda metrics: metrics.state(NAME) == "responsive", "an answer")


def test_the_rule_gives_what_is_needed_and_little_more(guarded, idle):
    set_rule(guarded, shipped_rule())
    with start_exporter(guarded, "guarded") as exporter:
        metrics = exporter.wait_for(answers, "the guest")
        failures = dict((labels["reason"], value) for labels, value in
                        metrics.find("qga_agent_failures_total", domain=NAME))
        assert failures.get("denied", 0) == 0
    for command in REFUSED:
        done = virsh(guarded, command)
        # libvirt of Debian 13 has no driver of interfaces.
        assert done.returncode != 0 and ("denied" in done.stderr or "not supported by the connection"
                                         in done.stderr), (command, done.stderr)
    assert guarded.guests[NAME].state() == "running"
    assert guarded.virsh("domstate", "idle") == "shut off"


def test_what_domain_write_covers_besides(guarded, idle):
    """As the rule and SECURITY.md say."""
    set_rule(guarded, shipped_rule())
    for command in ("qemu-monitor-command {name} --hmp info version",
                    "attach-device {name} {folder}/device.xml --live",
                    "autostart idle"):
        done = virsh(guarded, command)
        assert done.returncode == 0, (command, done.stderr)


def test_it_is_for_one_user(guarded):
    set_rule(guarded, shipped_rule().replace(f'"{USER}"', '"somebody-else"'), let_in=False)
    assert "polkit agent" in without_rights(
        guarded, program("virsh"), "-c", URI, "list").stderr
