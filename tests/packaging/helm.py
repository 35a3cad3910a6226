#!/usr/bin/python3
"""The Helm chart, rendered and held against the schemas of its kinds: `make helm-check`.

    tests/packaging/helm.py FOLDER    for what is built

The schemas are Kubernetes' and the operator's as far as the chart uses them, and know nothing
else, so that a misspelt field is none."""

import glob
import json
import os
import subprocess
import sys
import tempfile

import jsonschema
import yaml

from kinds import KINDS

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
CHART = f"{ROOT}/config/helm/qga-exporter"
RULES = ("rules", "alerts-agents", "alerts-guests", "alerts-hosts")
IMAGE = {"repository": "registry.example/qga-exporter"}
MUCH = {
    "image": {**IMAGE, "tag": "1.2.3"}, "imagePullSecrets": [{"name": "registry"}],
    "libvirt": {"groups": [64055], "hostPath": "/var/run/libvirt"},
    "config": {"profile": "minimal", "collectors": {"users": {"enabled": True}}},
    "extraArgs": ["--log.level=debug"], "scheme": "HTTPS",
    "extraVolumes": [{"name": "web", "secret": {"secretName": "qga-web"}}],
    "extraVolumeMounts": [{"name": "web", "mountPath": "/etc/qga-exporter-web", "readOnly": True}],
    "probeHeaders": [{"name": "Authorization", "value": "Basic YTpi"}],
    "seLinuxOptions": {"type": "spc_t"}, "podAnnotations": {"a": "b"}, "priorityClassName": "high",
    "nodeSelector": {"virt": "yes"}, "tolerations": [{"operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"},
                       "endpoint": {"tlsConfig": {"insecureSkipVerify": True}}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"},
                       "runbookUrl": "https://wiki.example/runbook"},
}


def renderer(folder):
    """The program that renders, by Debian's Go and its libraries alone."""
    program = f"{os.path.abspath(folder)}/render"
    os.makedirs(folder, exist_ok=True)
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "",
                   "GOCACHE": f"{os.path.abspath(folder)}/cache"}
    subprocess.run(["go", "build", "-o", program, f"{ROOT}/tests/packaging/render.go"],
                   check=True, env=environment)
    return program


def render(program, values, release="here", namespace="monitoring"):
    done = subprocess.run([program, CHART, release, namespace], input=yaml.safe_dump(values),
                          text=True, capture_output=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr)
    return [one for one in yaml.load_all(done.stdout, StrictLoader) if one]


class StrictLoader(yaml.CSafeLoader):
    """YAML in which no key stands twice."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key stands twice: {keys}"
        return super().construct_mapping(node, deep)


def validated(objects):
    """The objects by kind and name, after a look at their shape."""
    for one in objects:
        jsonschema.Draft7Validator(KINDS[one["kind"]]).validate(one)
    by_name = {(one["kind"], one["metadata"]["name"]): one for one in objects}
    assert len(by_name) == len(objects), "a name stands twice"
    return by_name


def check_joins(objects):
    """What names another finds it."""
    (daemons,) = [one for (kind, _), one in objects.items() if kind == "DaemonSet"]
    pod = daemons["spec"]["template"]
    labels = pod["metadata"]["labels"].items()
    (service,) = [one for (kind, _), one in objects.items() if kind == "Service"]
    assert daemons["spec"]["selector"]["matchLabels"].items() <= labels
    assert service["spec"]["selector"].items() <= labels
    (container,) = pod["spec"]["containers"]
    volumes = {one["name"]: one for one in pod["spec"]["volumes"]}
    assert {one["name"] for one in container["volumeMounts"]} == set(volumes)
    assert ("ConfigMap", volumes["config"]["configMap"]["name"]) in objects
    ports = {one["name"] for one in container["ports"]}
    assert {container[probe]["httpGet"]["port"] for probe in ("livenessProbe", "readinessProbe")} <= ports
    assert {one["targetPort"] for one in service["spec"]["ports"]} <= ports
    for (kind, _), monitor in objects.items():
        if kind == "ServiceMonitor":
            assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
            assert {one["port"] for one in monitor["spec"]["endpoints"]} <= {
                one["name"] for one in service["spec"]["ports"]}
    return container


def check_program(objects, container, flags):
    """The program takes the flags, and the configuration."""
    program = os.environ.get("QGA_EXPORTER", f"{ROOT}/build/qga-exporter")
    (config,) = [one for (kind, _), one in objects.items() if kind == "ConfigMap"]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        file.write(config["data"]["qga-exporter.yml"])
        file.flush()
        words = [word.replace("/etc/qga-exporter/qga-exporter.yml", file.name)
                 for word in container["args"]]
        assert words[0] == f"--config.file={file.name}" and words[1:] == flags
        subprocess.run([program, *words, "--config.check"], check=True, stdout=subprocess.DEVNULL)


def check_rules(objects, runbook):
    """The operator gets the rules of config/prometheus, all of them and as they are."""
    for name in RULES:
        with open(f"{ROOT}/config/prometheus/{name}.yml", encoding="utf-8") as file:
            expected = yaml.safe_load(file.read().replace("docs/runbook.md#", f"{runbook}#"))
        (found,) = [one["spec"] for (kind, called), one in objects.items()
                    if kind == "PrometheusRule" and called.endswith(f"exporter-{name}")]
        assert found == expected, f"{name}.yml is another in the chart"
    files = {os.path.basename(path) for path in glob.glob(f"{ROOT}/config/prometheus/*.yml")}
    assert files == {f"{name}.yml" for name in RULES} | {"prometheus.yml", "alertmanager.yml"}


def main():
    with open(f"{ROOT}/Makefile", encoding="utf-8") as file:
        (version,) = [line.split()[2] for line in file if line.startswith("VERSION := ")]
    with open(f"{CHART}/Chart.yaml", encoding="utf-8") as file:
        chart = yaml.safe_load(file)
    assert chart["version"] == chart["appVersion"] == version, "Chart.yaml has another version"

    program = renderer(sys.argv[1])
    try:
        render(program, {})
        sys.exit("tests/packaging/helm.py: a chart without an image is rendered")
    except ValueError as error:
        assert "where is the image?" in str(error), error
    few = validated(render(program, {"image": IMAGE}))
    assert sorted(kind for kind, _ in few) == ["ConfigMap", "DaemonSet", "Service"]
    container = check_joins(few)
    assert container["image"] == f"registry.example/qga-exporter:{version}"
    check_program(few, container, [])

    much = validated(render(program, MUCH, "qga-exporter"))
    container = check_joins(much)
    assert container["image"].endswith(":1.2.3")
    assert {name.split("-rules")[0].split("-alerts")[0] for _, name in much} == {"qga-exporter"}
    check_program(much, container, ["--log.level=debug"])
    check_rules(much, "https://wiki.example/runbook")
    checksums = {json.dumps(one["spec"]["template"]["metadata"]["annotations"]["checksum/config"])
                 for objects in (few, much) for (kind, _), one in objects.items() if kind == "DaemonSet"}
    assert len(checksums) == 2, "pods keep a configuration that is another"
    print(f"ok    the chart: {len(few)} objects by default, {len(much)} with all")


if __name__ == "__main__":
    main()
