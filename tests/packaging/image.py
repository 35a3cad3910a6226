#!/usr/bin/python3
"""The OCI image: what is in it, that it is the same wherever it is built, and that it asks
guests through the mounted socket of a libvirtd, under a runtime: `make image-check`.

    tests/packaging/image.py PACKAGE.deb FOLDER    FOLDER: where scripts/build-image has put it
"""

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests"))
# pylint: disable=wrong-import-position
from lab.error import LabError
from lab.lab import Lab
from lab.process import SBIN_PATH, Process, free_port, program, wait_for
from lab.programs import Metrics, get

NOBODY = 65534  # who builds it another time
GROUP = 60001  # that of libvirt's socket, on the host of the test
UNREPRODUCED = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "HOME": "/nonexistent"}


def blob(layout, descriptor):
    with open(f"{layout}/blobs/{descriptor['digest'].replace(':', '/')}", "rb") as file:
        contents = file.read()
    digest = "sha256:" + hashlib.sha256(contents).hexdigest()
    assert (digest, len(contents)) == (descriptor["digest"], descriptor["size"])
    return contents


def parts(layout):
    """(manifest, config, the layer's tar)"""
    with open(f"{layout}/oci-layout", encoding="utf-8") as file:
        assert json.load(file) == {"imageLayoutVersion": "1.0.0"}
    with open(f"{layout}/index.json", encoding="utf-8") as file:
        (descriptor,) = json.load(file)["manifests"]
    manifest = json.loads(blob(layout, descriptor))
    config = json.loads(blob(layout, manifest["config"]))
    (layer,) = manifest["layers"]
    tar = gzip.decompress(blob(layout, layer))
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(tar).hexdigest()]
    named = {descriptor["digest"], manifest["config"]["digest"], layer["digest"]}
    assert {f"sha256:{name}" for name in os.listdir(f"{layout}/blobs/sha256")} == named
    return manifest, config, tar


def check_content(config, tar):
    assert config["config"]["User"] == "65532:65532" and not config["config"].get("Volumes")
    assert config["config"]["Entrypoint"] == ["/usr/bin/qga-exporter"]
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        members = archive.getmembers()
    files = {"/" + one.name: one for one in members if one.isfile()}
    runs = [path for path, one in files.items() if one.mode & 0o111]
    assert "/usr/bin/qga-exporter" in runs
    assert all("/ld-linux" in path for path in runs if path != "/usr/bin/qga-exporter"), runs
    for one in members:
        assert (one.uid, one.gid) == (0, 0) and one.mode & 0o7022 == 0 or one.issym(), one.name
    libraries = [path for path in files if ".so" in path]
    assert len(libraries) > 10
    copyrights = {path.split("/")[4] for path in files if path.endswith("/copyright")}
    known = {path.split("/")[-1] for path in files if "/status.d/" in path}
    assert copyrights == known | {"prometheus-qga-exporter"}
    print(f"ok    an image without a shell: {len(members)} entries, {len(libraries)} libraries, "
          f"{len(tar) / 1e6:.0f} MB")
    return known


def check_sbom(folder, layer_packages):
    """That the packages of the image are those of its list of materials, and nothing else."""
    with open(f"{folder}/sbom.spdx.json", encoding="utf-8") as file:
        sbom = json.load(file)
    contained = {one["relatedSpdxElement"] for one in sbom["relationships"]
                 if one["relationshipType"] == "CONTAINS"}
    names = {one["name"] for one in sbom["packages"] if one["SPDXID"] in contained}
    assert names == layer_packages | {"prometheus-qga-exporter"}, names ^ layer_packages
    print(f"ok    its list of materials: {len(names)} packages")


def check_reproducible(package, folder, scratch):
    """Another path, time, user, mask, language and zone: the same bytes."""
    other = f"{scratch}/elsewhere"
    os.makedirs(other)
    shutil.copy(package, f"{other}/other.deb")
    os.utime(f"{other}/other.deb", (0, 0))
    os.chown(other, NOBODY, NOBODY)
    shutil.copytree(f"{ROOT}/scripts", f"{scratch}/scripts")
    os.chmod(scratch, 0o755)
    subprocess.run(
        ["faketime", "-f", "+400d", program("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}",
         "--clear-groups", "sh", "-c", 'umask 077; exec "$@"', "sh", f"{scratch}/scripts/build-image",
         f"{other}/other.deb", f"{other}/image"], check=True, stdout=subprocess.DEVNULL,
        env={**os.environ, **UNREPRODUCED})
    for name in ("oci/index.json", "sbom.spdx.json"):  # the index has the digest of all else
        with open(f"{folder}/{name}", "rb") as one, open(f"{other}/image/{name}", "rb") as same:
            assert one.read() == same.read(), f"{name} differs"
    print("ok    the same bytes, built by another user, elsewhere and in another year")


def bundle(scratch, config, tar, arguments, mounts):
    """What a runtime of containers runs: the root, and how."""
    folder = f"{scratch}/bundle"
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        archive.extractall(f"{folder}/rootfs", numeric_owner=True)
    os.chmod(folder, 0o755)
    user, group = (int(number) for number in config["config"]["User"].split(":"))
    none = {kind: [] for kind in ("bounding", "effective", "inheritable", "permitted", "ambient")}
    with open(f"{folder}/config.json", "w", encoding="utf-8") as file:
        json.dump({
            "ociVersion": "1.0.0",
            "root": {"path": "rootfs", "readonly": True},
            "process": {
                "user": {"uid": user, "gid": group, "additionalGids": [GROUP]},
                "args": [*config["config"]["Entrypoint"], *arguments],
                "env": config["config"]["Env"], "cwd": config["config"]["WorkingDir"],
                "capabilities": none, "noNewPrivileges": True},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                *({"destination": inside, "type": "bind", "source": outside,
                   "options": ["rbind", "ro"]} for outside, inside in mounts)],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]},
        }, file)
    return folder


def check_running(config, tar, scratch):
    """The daemon's folder is mounted, and not its socket, which a new daemon makes anew."""
    with Lab() as lab:
        lab.guest("one", network=False, disk=False).start().wait_for_agent()
        make_user(lab, scratch)
        let_in(lab)
        port = free_port()
        folder = bundle(scratch, config, tar, [f"--web.listen-address=127.0.0.1:{port}"],
                        [(f"{lab.directory}/run", "/run/libvirt")])
        # A runtime wants the newer cgroups alone, which some machines have beside the older.
        container = Process(
            [program("unshare"), "--mount", "--propagation", "private", "sh", "-c",
             'mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"', "sh", program("crun"), f"--root={scratch}/crun", "--cgroup-manager=disabled", "run",
             f"--bundle={folder}", f"--pid-file={scratch}/pid", "qga"], f"{scratch}/container.log")
        try:
            look_at(container, lab, port, scratch, config["config"]["User"].split(":")[0])
        finally:
            container.kill()
            subprocess.run([program("crun"), f"--root={scratch}/crun", "delete", "--force", "qga"],
                           check=False, stderr=subprocess.DEVNULL)


def make_user(lab, scratch):
    """On the lab's host, as the page has it: libvirtd refuses whom its host does not know."""
    with open(f"{ROOT}/docs/packages.md", encoding="utf-8") as file:
        command = re.search(r"`(groupadd [^`]+ && useradd [^`]+)`", file.read()).group(1)
    host = f"{scratch}/host"
    os.makedirs(f"{host}/etc")
    for name in ("passwd", "group", "login.defs"):
        shutil.copy(f"/etc/{name}", f"{host}/etc")
    subprocess.run(["sh", "-ec", command.replace("add ", f"add --prefix {host} ")], check=True,
                   env={**os.environ, "PATH": SBIN_PATH})
    for name in ("passwd", "group"):
        subprocess.run([program("nsenter"), "--mount", "--target", str(lab.init_pid), "--",
                        program("mount"), "--bind", f"{host}/etc/{name}", f"/etc/{name}"], check=True)


def let_in(lab):
    os.chown(lab.socket, 0, GROUP)
    os.chmod(lab.socket, 0o660)


def look_at(container, lab, port, scratch, user):
    def says(name, value, **labels):
        def scraped():
            if not container.alive():
                raise LabError(container.log())
            return Metrics(get(f"http://127.0.0.1:{port}/metrics")[2].decode()).find(name, **labels)
        wait_for(lambda: [one for _, one in scraped()] == [value], f"{name} is {value}", 120)

    says("qga_up", 1, domain="one")
    with open(f"{scratch}/pid", encoding="ascii") as file:
        pid = int(file.read())
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    assert status["Uid"].split() == [user] * 4 and status["NoNewPrivs"] == "1"
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    with open(f"/proc/{pid}/mountinfo", encoding="ascii") as file:
        (options,) = [line.split()[5] for line in file if line.split()[4] == "/"]
    assert "ro" in options.split(",")
    print("ok    asks a guest, as a user of its own, without a capability, from a read-only root")
    lab.libvirtd.stop()
    says("qga_exporter_source_up", 0)
    lab.start_libvirtd()
    let_in(lab)
    says("qga_exporter_source_up", 1)
    os.kill(pid, signal.SIGTERM)
    assert container.wait(60) == 0, container.log()
    print("ok    outlives the daemon, and ends when it is told to")


def main():
    package, folder = (os.path.abspath(path) for path in sys.argv[1:])
    _, config, tar = parts(f"{folder}/oci")
    check_sbom(folder, check_content(config, tar))
    with tempfile.TemporaryDirectory() as scratch:
        check_reproducible(package, folder, scratch)
        check_running(config, tar, scratch)


if __name__ == "__main__":
    main()
