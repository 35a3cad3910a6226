"""What the host has for a guest, and how it meets what the guest says."""

import os

import pytest

from conftest import QUICK_CONFIG, write_config
from lab.guest import GUEST_MEMORY_MIB
from lab.process import wait_for
from lab.programs import Exporter, get

NOVA = "http://openstack.org/xmlns/libvirt/nova/1.1"
INSTANCE = """<instance><name>web-1</name><flavor name="m1.small"/>
<owner><user uuid="u-1">admin</user><project uuid="p-1">shop</project></owner></instance>"""
LABELS = f"""
metadata_labels:
  project_id: "{{{NOVA}}}instance/owner/project@uuid"
  customer: "{{https://example.com/billing/1}}account/customer"
"""


@pytest.fixture(scope="module", name="exporter")
def _exporter(lab):
    path = write_config(lab, QUICK_CONFIG + LABELS, "domain.yml")
    with Exporter(lab, f"--config.file={path}", name="domain") as running:
        running.wait_for(lambda metrics: metrics.find("qga_filesystem_disk_info", domain="old"),
                         "the guest's disk")
        yield running


def test_what_the_guest_was_given(exporter):
    metrics = exporter.metrics()
    for vcpus in ("qga_domain_vcpus", "qga_domain_vcpus_maximum"):
        assert metrics.value(vcpus, domain="old") == 2
        assert metrics.value(vcpus, domain="bare") == 1
    for memory in ("qga_domain_memory_bytes", "qga_domain_memory_maximum_bytes"):
        assert metrics.value(memory, domain="bare") == GUEST_MEMORY_MIB << 20
    assert metrics.value("qga_vcpus", domain="old", state="online") == 2


def test_the_disk_below_a_filesystem(lab, exporter, old):
    metrics = exporter.metrics()
    ((labels, _),) = metrics.find("qga_filesystem_disk_info", domain="old", device="vda")
    assert labels["target"] == "vda"
    assert labels["source_file"] == f"{lab.directory}/disk/old.raw"
    assert os.path.exists(labels["source_file"])
    listed = lab.virsh("domblklist", old.name).split()
    assert [labels["target"], labels["source_file"]] == listed


def test_the_other_end_of_an_interface(exporter, old):
    labels = exporter.metrics().labels("qga_domain_interface_info", domain="old")
    assert (labels["device"], labels["address"]) == ("eth0", old.mac)
    assert labels["model"] == "virtio"


def test_an_interface_that_comes(lab, exporter, new):
    """With a device of the host's at its other end."""
    mac, target = "52:54:00:01:00:99", "qgalab-tap"
    path = write_config(lab, f"""<interface type='ethernet'><mac address='{mac}'/>
        <target dev='{target}' managed='yes'/><model type='virtio'/></interface>""", "tap.xml")
    if lab.virsh("attach-device", "new", path, "--live", check=False).returncode != 0:
        pytest.skip("there are no TAP devices here")
    try:
        metrics = exporter.wait_for(
            lambda metrics: metrics.find("qga_domain_interface_info", domain="new", address=mac),
            "the new interface")
        labels = metrics.labels("qga_domain_interface_info", domain="new", address=mac)
        assert (labels["device"], labels["target"]) == ("eth1", target)
    finally:
        lab.virsh("detach-device", "new", path, "--live")
    exporter.wait_for(
        lambda metrics: not metrics.find("qga_domain_interface_info", domain="new", address=mac),
        "the interface is gone")


def test_metadata_that_change(lab, exporter, old):
    def info():
        return exporter.metrics().labels("qga_domain_info", domain="old")

    billing = "https://example.com/billing/1"
    assert info() == {"domain": "old", "source": "libvirt", "uuid": old.uuid, "title": "",
                      "instance_name": "", "project": "", "flavor": "", "tags": "", "ostype": "",
                      "project_id": "", "customer": ""}
    try:
        lab.virsh("desc", "old", "--live", "--title", "The \"web\" server")
        lab.virsh("metadata", "old", NOVA, "--live", "--key", "nova", "--set", INSTANCE)
        lab.virsh("metadata", "old", billing, "--live", "--key", "b",
                  "--set", "<account><customer>acme</customer></account>")
        wait_for(lambda: info()["customer"], "the metadata are labels")
        assert info() == {"domain": "old", "source": "libvirt", "uuid": old.uuid,
                          "title": "The \"web\" server", "instance_name": "web-1",
                          "project": "shop", "flavor": "m1.small", "tags": "", "ostype": "",
                          "project_id": "p-1", "customer": "acme"}
        assert b'"__meta_qga_metadata_customer":"acme"' in get(f"{exporter.url}/sd")[2]
    finally:
        for uri in (NOVA, billing):
            lab.virsh("metadata", "old", uri, "--live", "--remove", check=False)
        lab.virsh("desc", "old", "--live", "--title", "")
    wait_for(lambda: info()["customer"] == info()["title"] == "", "they are gone")


def test_other_labels_after_a_reload(lab, exporter):
    write_config(lab, QUICK_CONFIG, "domain.yml")
    exporter.reload()
    wait_for(lambda: "customer" not in exporter.metrics().labels("qga_domain_info", domain="old"),
             "the labels of the file are gone")


@pytest.fixture(name="extra_disk")
def _extra_disk(lab, new):
    """Plugged into the guest, as vdb: its path."""
    path = f"{lab.directory}/disk/extra.raw"
    with open(path, "wb") as file:
        file.truncate(8 << 20)
    new.run("modprobe acpiphp; modprobe pci_hotplug", check=False)
    lab.virsh("attach-disk", "new", path, "vdb", "--live", "--serial", "extra-1")
    try:
        yield path
    finally:
        new.run("umount /extra; rmdir /extra", check=False)
        lab.virsh("detach-disk", "new", "vdb", "--live")
        wait_for(lambda: "vdb" not in lab.virsh("domblklist", "new"), "the disk is gone")


def test_a_disk_that_comes_and_goes(exporter, new, extra_disk):
    """The definition is read again when a device is added."""
    try:
        wait_for(lambda: new.run("[ ! -e /sys/block/vdb ] || echo there"), "the guest sees it", 20)
    except AssertionError:
        pytest.skip("the guest's kernel does not see disks that are plugged in")
    new.run("mke2fs /dev/vdb >/dev/null 2>&1; mkdir -p /extra; mount /dev/vdb /extra")
    metrics = exporter.wait_for(
        lambda metrics: metrics.find("qga_filesystem_disk_info", domain="new", device="vdb"),
        "the new disk")
    ((labels, _),) = metrics.find("qga_filesystem_disk_info", domain="new", device="vdb")
    assert (labels["target"], labels["source_file"]) == ("vdb", extra_disk)
