"""The exporter and Prometheus as children, and a plain reader of their answers."""

import http.client
import json
import os
import re
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from . import image as lab_image
from .error import LabError
from .pace import stretched
from .process import Process, free_port, program, wait_for

EXPORTER = os.environ.get("QGA_EXPORTER", os.path.join(lab_image.ROOT, "build", "qga-exporter"))

_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LINE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
_SANITIZERS = re.compile(r"(ERROR|WARNING): \w+Sanitizer.*|.*: runtime error: .*")
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


class Metrics:
    """One exposition: its text, and its samples by name and labels.  Only what is asked for
    is taken apart: most are looked at for one series, ten times a second."""

    def __init__(self, text):
        self.text = text
        self.lines = {}  # by name
        for line in text.split("\n"):  # splitlines() ends lines where the format does not
            if line and line[0] != "#":
                self.lines.setdefault(_NAME.match(line).group(), []).append(line)
        self.series = {}  # of the names that were asked for

    @staticmethod
    def _labels(text):
        return {key: re.sub(r'\\[\\"n]', lambda match: _ESCAPES[match.group()], value)
                if "\\" in value else value for key, value in _LABEL.findall(text)}

    def _series(self, name):
        if name not in self.series:
            self.series[name] = [
                (self._labels(labels or ""), float(value)) for _, labels, value in
                (_LINE.fullmatch(line).groups() for line in self.lines.get(name, ()))]
        return self.series[name]

    @property
    def samples(self):
        """[(name, labels, value)] of all."""
        return [(name, labels, value) for name in self.lines
                for labels, value in self._series(name)]

    def find(self, name, **labels):
        """[(labels, value)] of all series with this name and at least these labels."""
        return [(found, value) for found, value in self._series(name)
                if labels.items() <= found.items()]

    def value(self, name, **labels):
        """The value of the only series that fits; None if there is none."""
        found = self.find(name, **labels)
        assert len(found) <= 1, f"{name}{labels} is not one series: {found}"
        return found[0][1] if found else None

    def labels(self, name, **labels):
        """The labels of the only series that fits; None if there is none."""
        found = self.find(name, **labels)
        assert len(found) <= 1, f"{name}{labels} is not one series: {found}"
        return found[0][0] if found else None

    def state(self, domain):
        found = self.labels("qga_agent_state", domain=domain)
        return found["state"] if found else None

    def domains(self):
        return {labels["domain"] for _, labels, _ in self.samples if "domain" in labels}


def get(url, timeout_s=30, headers=None, method="GET"):
    """(status, headers, body) of a GET, or of another method; an HTTP error status is no exception."""
    request = urllib.request.Request(url, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=stretched(timeout_s)) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error


# The same tests of the daemon as several processes.
SEPARATION = ["--privilege-separation"] if os.environ.get("QGA_SEPARATION") else []


class Exporter:
    """build/qga-exporter against one libvirt URI, or with arguments of the test's own.

    uri=""   without --libvirt.uri: the sources are those of the configuration file
    command  what runs the program, which may be a copy of it"""

    def __init__(self, lab, *arguments, uri=None, port=None, address="127.0.0.1", name="exporter",
                 command=(), copy=EXPORTER):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        if not os.access(EXPORTER, os.X_OK):
            raise LabError(f"{EXPORTER} is missing: run make")
        uri = lab.uri if uri is None else uri
        self.process = Process(
            [*command, copy, *(one for one in SEPARATION if one not in arguments),
             *([f"--libvirt.uri={uri}"] if uri else []),
             f"--web.listen-address={address}:{self.port}", *arguments],
            os.path.join(lab.directory, f"{name}.log"),
        )

    def __enter__(self):
        try:
            wait_for(self.healthy, "the exporter listens", interval_s=0.02)
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, *_):
        self.process.stop()
        self.complain_of_sanitizers()

    def complain_of_sanitizers(self):
        """A build with a sanitizer says on its standard error what it has found."""
        log = self.process.log()
        found = _SANITIZERS.search(log)
        assert not found, f"{found.group()}:\n{log[found.start():found.start() + 8000]}"

    def healthy(self):
        self._must_run()
        return get(f"{self.url}/-/healthy")[0] == 200

    def _must_run(self):
        if not self.process.alive():
            raise LabError(f"the exporter has ended:\n{self.process.log()}")

    def metrics(self):
        status, _, body = get(f"{self.url}/metrics")
        if status != 200:
            raise OSError(f"/metrics answers {status}")
        return Metrics(body.decode("utf-8"))

    def wait_for(self, condition, what, timeout_s=60, interval_s=0.1):
        """Scrapes until condition(metrics) is true, and returns that exposition; one that has
        ended is not waited for."""
        def scraped():
            try:
                metrics = self.metrics()
            except OSError:
                self._must_run()
                raise
            return metrics if condition(metrics) else None
        return wait_for(scraped, what, timeout_s, interval_s)

    def reload(self):
        self.process.signal(signal.SIGHUP)


def run_exporter(lab, *arguments, timeout_s=60):
    """Runs it to its end: (exit status, stdout, stderr)."""
    done = subprocess.run(
        [EXPORTER, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, timeout=stretched(timeout_s), check=False,
        cwd=lab.directory)
    return done.returncode, done.stdout, done.stderr


class Prometheus:
    """A real Prometheus that scrapes the given ports of 127.0.0.1 each second.

    jobs          more scrape_configs, each in one line
    rules         files of rules, evaluated each second
    alertmanager  host:port of the one that gets the alerts
    path          its program; the machine's own by default"""

    def __init__(self, lab, *ports, jobs=(), rules=(), alertmanager=None, path=None):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        # Of its own: what another one has stored would answer queries, too.
        folder = os.path.join(lab.directory, f"prometheus-{port}")
        os.makedirs(folder, exist_ok=True)
        config = os.path.join(folder, "prometheus.yml")
        targets = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
        with open(config, "w", encoding="utf-8") as file:
            file.write("global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n"
                       f"rule_files: {json.dumps([str(rule) for rule in rules])}\n"
                       "scrape_configs:\n"
                       f"  - {{job_name: qga, static_configs: [{{targets: [{targets}]}}]}}\n"
                       + "".join(f"  - {job}\n" for job in jobs))
            if alertmanager:
                file.write("alerting: {alertmanagers: [{static_configs: "
                           f"[{{targets: [\"{alertmanager}\"]}}]}}]}}\n")
        self.process = Process(
            [path or program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address={self.url.removeprefix('http://')}"],
            os.path.join(folder, "prometheus.log"),
        )

    def __enter__(self):
        try:
            wait_for(lambda: get(f"{self.url}/-/ready")[0] == 200, "Prometheus is ready")
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, *_):
        self.process.stop()

    def targets(self, job):
        """Those of the job that are scraped, as Prometheus' API shows them."""
        _, _, body = get(f"{self.url}/api/v1/targets?state=active")
        return [target for target in json.loads(body)["data"]["activeTargets"]
                if target["scrapePool"] == job]

    def query(self, expression):
        """[(labels, value)] of an instant query."""
        parameters = urllib.parse.urlencode({"query": expression})
        status, _, body = get(f"{self.url}/api/v1/query?{parameters}")
        answer = json.loads(body)
        if status != 200:
            raise ValueError(f"{expression}: {answer.get('error')}")
        return [(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]


class ConfiguredPrometheus(Prometheus):
    """One with a configuration file and flags of its own, and its data in a folder."""

    def __init__(self, place, config, *flags, address=None, name="prometheus", path=None):
        # pylint: disable=super-init-not-called
        address = address or f"127.0.0.1:{free_port()}"
        self.url = f"http://{address}"
        store = "agent" if {"--agent", "--enable-feature=agent"}.intersection(flags) else "tsdb"
        self.process = Process(
            [path or program("prometheus"), f"--config.file={config}",
             f"--storage.{store}.path={place.directory}/data-{name}",
             f"--web.listen-address={address}", *flags],
            os.path.join(place.directory, f"{name}.log"))
