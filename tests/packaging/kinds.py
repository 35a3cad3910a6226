"""JSON schemas of the kinds that the Helm chart makes: Kubernetes' and the operator's fields as
far as the chart uses them, and the limits of security that it keeps, as constants."""

TEXT = {"type": "string", "minLength": 1}
INTEGER = {"type": "integer"}
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
ANY = {"type": "object"}


def table(required=(), **fields):
    """Fields that must be there, and those that may; no others."""
    return {"type": "object", "additionalProperties": False, "properties": fields,
            "required": list(required)}


def every(item):
    return {"type": "array", "items": item, "minItems": 1}


def like(pattern):
    return {"type": "string", "pattern": f"^(?:{pattern})$"}


def only(value):
    return {"const": value}


NAME = like("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
PATH = like("/.*")
DURATION = like("[0-9]+(ms|s|m|h)")
LABELS = {"type": "object",
          "additionalProperties": like("([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")}
METADATA = table(("name", "namespace", "labels"), name=NAME, namespace=NAME, labels=LABELS)
SELECTOR = table(("matchLabels",), matchLabels=LABELS)
QUANTITIES = {"type": "object", "additionalProperties": like("[0-9]+(m|Mi|Gi)?"),
              "propertyNames": {"enum": ["cpu", "memory"]}}

HEADERS = {"type": "array", "items": table(("name", "value"), name=TEXT, value=TEXT)}
PROBE = table(("httpGet",), periodSeconds=INTEGER, timeoutSeconds=INTEGER, httpGet=table(
    ("path", "port"), path=PATH, port=TEXT, scheme={"enum": ["HTTP", "HTTPS"]}, httpHeaders=HEADERS))

CONTAINER = table(
    ("name", "image", "args", "ports", "livenessProbe", "readinessProbe", "securityContext",
     "volumeMounts"),
    name=NAME, image=like("[a-z0-9./-]+:[A-Za-z0-9_.-]+"), args=every(TEXT),
    imagePullPolicy={"enum": ["Always", "IfNotPresent", "Never"]},
    ports=every(table(("containerPort",), name=NAME, containerPort=INTEGER)),
    livenessProbe=PROBE, readinessProbe=PROBE,
    resources=table(requests=QUANTITIES, limits=QUANTITIES),
    securityContext=table(
        ("allowPrivilegeEscalation", "readOnlyRootFilesystem", "capabilities"),
        allowPrivilegeEscalation=only(False), readOnlyRootFilesystem=only(True),
        capabilities=table(("drop",), drop=only(["ALL"]))),
    volumeMounts=every(table(("name", "mountPath", "readOnly"), name=NAME, mountPath=PATH,
                             readOnly=only(True))))

VOLUME = {**table(("name",), name=NAME, configMap=table(("name",), name=NAME),
                  secret=table(("secretName",), secretName=NAME),
                  hostPath=table(("path", "type"), path=PATH, type=only("Directory"))),
          "minProperties": 2, "maxProperties": 2}

POD = table(
    ("automountServiceAccountToken", "securityContext", "containers", "volumes"),
    automountServiceAccountToken=only(False), enableServiceLinks=only(False),
    imagePullSecrets=every(table(("name",), name=NAME)), priorityClassName=NAME,
    securityContext=table(
        ("runAsNonRoot", "runAsUser", "runAsGroup", "seccompProfile"),
        runAsNonRoot=only(True), runAsUser=INTEGER, runAsGroup=INTEGER,
        supplementalGroups=every(INTEGER),
        seccompProfile=table(("type",), type=only("RuntimeDefault")),
        seLinuxOptions=table(type=TEXT, level=TEXT, role=TEXT, user=TEXT)),
    containers=every(CONTAINER), volumes=every(VOLUME), nodeSelector=TEXTS,
    affinity=table(nodeAffinity=ANY, podAffinity=ANY, podAntiAffinity=ANY),
    tolerations=every(table(key=TEXT, operator={"enum": ["Exists", "Equal"]}, value=TEXT,
                            effect=TEXT)))

ENDPOINT = table(
    ("port",), port=NAME, scheme={"enum": ["http", "https"]}, interval=DURATION,
    scrapeTimeout=DURATION, tlsConfig=ANY, basicAuth=ANY,
    relabelings=every(table(("sourceLabels", "targetLabel"), sourceLabels=every(TEXT),
                            targetLabel=TEXT)))

RULE = {"oneOf": [
    table(("alert", "expr", "labels", "annotations"), alert=like("[A-Z][A-Za-z]+"), expr=TEXT,
          **{"for": DURATION}, keep_firing_for=DURATION, labels=TEXTS, annotations=TEXTS),
    table(("record", "expr"), record=like("[a-zA-Z_:][a-zA-Z0-9_:]*"),
          expr={"type": ["string", "integer"]}, labels=TEXTS),
]}
GROUP = table(("name", "rules"), name=TEXT, interval=DURATION, limit=INTEGER,
              rules={"type": "array", "items": RULE})


def kind(version, name, **fields):
    return table(("apiVersion", "kind", "metadata", *fields), apiVersion=only(version),
                 kind=only(name), metadata=METADATA, **fields)


OPERATOR = "monitoring.coreos.com/v1"
KINDS = {
    "ConfigMap": kind("v1", "ConfigMap", data=TEXTS),
    "Service": kind("v1", "Service", spec=table(
        ("clusterIP", "selector", "ports"), clusterIP=only("None"), selector=LABELS,
        ports=every(table(("name", "port", "targetPort"), name=NAME, port=INTEGER,
                          targetPort=NAME)))),
    "DaemonSet": kind("apps/v1", "DaemonSet", spec=table(
        ("selector", "template"), selector=SELECTOR,
        template=table(("metadata", "spec"), spec=POD,
                       metadata=table(("labels",), labels=LABELS, annotations=TEXTS)))),
    "ServiceMonitor": kind(OPERATOR, "ServiceMonitor", spec=table(
        ("selector", "endpoints"), selector=SELECTOR, endpoints=every(ENDPOINT))),
    "PrometheusRule": kind(OPERATOR, "PrometheusRule", spec=table(("groups",), groups=every(GROUP))),
}
