"""What is deployed: the image's recipe, compose file, Kubernetes manifests, CI workflow, set-up SQL.

The image itself is built and run by `make test-image` (tests/container).
"""

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import duckdb
import pytest
import yaml
from click.testing import CliRunner
from redshift_lint import refusals

from clientele.cli import main
from clientele.runtime import memory, publishing

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def documents(path: Path) -> list[dict]:
    return [found for found in yaml.safe_load_all(path.read_text(encoding="utf-8")) if found]


# --- the image's recipe


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [
        (line.split(None, 1)[0], " ".join(line.split(None, 1)[1].split())) for line in lines if line.strip()
    ]


def arguments(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def test_the_image_runs_as_a_user_without_rights_and_says_when_it_is_ill():
    last_stage = instructions()[max(i for i, (name, _) in enumerate(instructions()) if name == "FROM") :]
    assert [rest for name, rest in last_stage if name == "USER"] == ["10001:10001"]
    assert any(name == "HEALTHCHECK" for name, _ in last_stage)
    assert dict(last_stage)["ENTRYPOINT"] == '["/app/deploy/container/entrypoint"]'
    assert dict(last_stage)["CMD"] == '["build"]'
    names = [name for name, _ in last_stage]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert not any(name == "RUN" and "pip" in rest for name, rest in last_stage)


def test_the_image_has_locked_packages_and_a_base_that_can_be_pinned():
    installs = [part for rest in arguments("RUN") for part in rest.split("&&") if "pip install" in part]
    assert len(installs) == 2
    assert "--require-hashes" in installs[0] and "warehouse.lock" in installs[0]
    assert "--no-index" in installs[1] and "--no-deps" in installs[1]
    assert set(arguments("FROM")) == {"${PYTHON_IMAGE} AS environment", "${PYTHON_IMAGE}"}
    base = next(rest for rest in arguments("ARG") if rest.startswith("PYTHON_IMAGE="))
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.12-slim-\w+@sha256:[0-9a-f]{64}", base)
    assert not arguments("ADD")


def test_the_image_has_labels_and_no_secret():
    labels = " ".join(arguments("LABEL"))
    for name in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{name}=" in labels
    assert not re.search(r"KEY|PASSWORD|TOKEN|SECRET", " ".join(arguments("ENV") + arguments("ARG")))


def test_only_what_a_build_needs_goes_into_the_image():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    for line in lines:
        if line.startswith("!"):
            assert any(ROOT.glob(line[1:])), line
    allowed = {line[1:].split("/")[0] for line in lines if line.startswith("!")}
    assert ".dbtignore" in allowed, "without it dbt takes models of tests/consumer for tests of ours"
    assert not allowed & {".git", "warehouse", "demo", ".venv", "target", "logs", ".env"}
    assert {
        "dbt_project.yml",
        "models",
        "python_models",
        "macros",
        "seeds",
        "profiles",
        "src",
        "tests",
    } <= allowed


def test_the_image_has_what_the_run_lock_has_and_redshift():
    def pins(name: str) -> set[str]:
        return set(
            re.findall(r"^[a-z][^ ]*==[^ ]+", (ROOT / "requirements" / name).read_text(), re.MULTILINE)
        )

    assert pins("run.lock") <= pins("warehouse.lock") <= pins("dev.lock")
    assert any(pin.startswith("dbt-redshift==") for pin in pins("warehouse.lock"))


def entrypoint(tmp_path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    for name in ("dbt", "clientele"):
        fake = tmp_path / name
        fake.write_text(
            f'#!/bin/sh\necho "{name} $*: ${{CLIENTELE_PSEUDONYM_KEY:-none}}"\nexit ${{STATUS:-0}}\n'
        )
        fake.chmod(0o755)
    return subprocess.run(
        [ROOT / "deploy" / "container" / "entrypoint", *(arguments or ("build", "--target", "redshift"))],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "CLIENTELE_HOME": str(tmp_path / "home")} | environment,
        capture_output=True,
        text=True,
    )


def test_the_entry_point_reads_secrets_from_files(tmp_path):
    key = tmp_path / "key"
    key.write_text("it's a $(secret)\n")
    key.chmod(0o400)
    ran = entrypoint(tmp_path, CLIENTELE_PSEUDONYM_KEY_FILE=str(key))
    assert (ran.returncode, ran.stdout) == (0, "dbt build --target redshift: it's a $(secret)\n")
    assert ran.stderr == "" and entrypoint(tmp_path).stdout.endswith(": none\n")
    key.chmod(0o444)
    ran = entrypoint(tmp_path, CLIENTELE_PSEUDONYM_KEY_FILE=str(key))
    assert ran.returncode == 0 and "everybody may read" in ran.stderr and "$(secret)" not in ran.stderr


def test_the_entry_point_asks_for_a_password_that_is_in_secrets_manager(tmp_path):
    for name, text in (
        ("dbt", 'echo "password: $DBT_ENV_SECRET_REDSHIFT_PASSWORD"'),
        ("clientele", "echo A1; exit $STATUS"),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    call = [ROOT / "deploy" / "container" / "entrypoint", "build", "--target", "redshift"]
    for status, expected in (("0", (0, "password: A1\n")), ("1", (2, ""))):
        environment = {
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "CLIENTELE_HOME": str(tmp_path),
            "REDSHIFT_SECRET": "a",
        }
        ran = subprocess.run(call, env=environment | {"STATUS": status}, capture_output=True, text=True)
        assert (ran.returncode, ran.stdout) == expected


def test_the_entry_point_says_what_is_missing(tmp_path):
    ran = entrypoint(tmp_path, CLIENTELE_PSEUDONYM_KEY_FILE=str(tmp_path / "nowhere"))
    assert ran.returncode == 2 and "is the secret mounted" in ran.stderr and not ran.stdout
    for home in ("/proc/clientele", "/proc"):  # the second one is there, and nobody can write to it
        ran = entrypoint(tmp_path, CLIENTELE_HOME=home)
        assert ran.returncode == 2 and "mount a volume" in ran.stderr and not ran.stdout


def test_the_entry_point_runs_clientele_and_passes_the_status_on(tmp_path):
    ran = entrypoint(tmp_path, "clientele", "backup", "--keep", "7", STATUS="1")
    assert (ran.returncode, ran.stdout) == (1, "clientele backup --keep 7: none\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_entry_point_hears_that_it_is_to_stop(tmp_path, number):
    fake = tmp_path / "dbt"
    fake.write_text(
        f"#!{sys.executable}\nimport signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('ended in order'), sys.exit(143)))\n"
        "print('begun', flush=True)\ntime.sleep(60)\n"
    )
    fake.chmod(0o755)
    call = [ROOT / "deploy" / "container" / "entrypoint", "docs"]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "CLIENTELE_HOME": str(tmp_path / "home")}
    with subprocess.Popen(
        call, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        said, told = process.communicate(timeout=10)
    assert (process.returncode, said) == (143, "ended in order\n") and "Asked to stop" in told


def test_the_entry_point_hears_it_before_the_program_has_begun(tmp_path):
    """As the first process of a container, which is deaf by itself, while a password is waited for."""
    for name, text in (("clientele", "echo asked >&2\nexec sleep 60"), ("dbt", "echo begun")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    alone = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
    if subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("this machine gives no process a namespace of its own")
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "CLIENTELE_HOME": str(tmp_path / "home"),
        "REDSHIFT_SECRET": "a",
    }
    with subprocess.Popen(
        [*alone, ROOT / "deploy" / "container" / "entrypoint", "build"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr.readline() == "asked\n"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)
        said, told = process.communicate(timeout=10)
    assert (process.returncode, said) == (143, "") and "Asked to stop" in told


def test_a_home_in_which_nothing_can_be_published_is_told_at_the_start(tmp_path):
    publishing.check_place(tmp_path)
    assert not list(tmp_path.iterdir())
    (tmp_path / "published").mkdir()
    with pytest.raises(publishing.PublicationError, match="is not a link to a publication"):
        publishing.check_place(tmp_path)
    with pytest.raises(publishing.PublicationError, match="does not take"):
        publishing.check_place(Path("/proc"))


def health(tmp_path, running: bool, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the health check where processes are what a stand-in for grep says."""
    fake = tmp_path / "grep"
    fake.write_text(f"#!/bin/sh\nexit {0 if running else 1}\n")
    fake.chmod(0o755)
    return subprocess.run(
        [ROOT / "deploy" / "container" / "healthcheck"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "CLIENTELE_HOME": str(tmp_path)} | environment,
        capture_output=True,
        text=True,
    )


def test_the_health_check_knows_the_ill_from_the_well(tmp_path):
    assert health(tmp_path, True, CLIENTELE_MINIMUM_FREE_MB="1").returncode == 0
    for running, settings, said in (
        (False, {}, "neither dbt nor clientele is running"),
        (True, {"CLIENTELE_HOME": "/proc/clientele"}, "cannot be written to"),
        (True, {"CLIENTELE_MINIMUM_FREE_MB": "999999999"}, "MB left"),
    ):
        ran = health(tmp_path, running, **settings)
        assert ran.returncode == 1 and said in ran.stderr


def test_two_files_of_one_name_are_not_delivered_over_each_other(tmp_path):
    """In the bucket they would be one, and a build would never see the first."""
    for tool in ("aws", "python"):
        (tmp_path / tool).write_text(f'#!/bin/sh\necho {tool} "$@" >> {tmp_path}/called\n')
        (tmp_path / tool).chmod(0o755)
    for folder in ("one", "two", "other/one"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "events.csv").write_text("x\n")

    def deliver(*items: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ROOT / "deploy" / "redshift" / "deliver.sh", *items],
            cwd=tmp_path, env={"PATH": f"{tmp_path}:/usr/bin:/bin", "BUCKET": "b"},
            capture_output=True, text=True,
        )  # fmt: skip

    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "events.csv").symlink_to(tmp_path / "two" / "events.csv")
    for items in (
        ["one/events.csv", "two/events.csv"],
        ["one", "two"],
        ["one/events.csv", "two"],
        ["one", "links"],
    ):
        ran = deliver(*items)
        assert ran.returncode == 2 and "events.csv. Nothing was delivered" in ran.stderr, items
    assert not (tmp_path / "called").exists()
    assert deliver("one", "other").returncode == 0  # events.csv, and one/events.csv
    assert (tmp_path / "called").read_text().count("aws") == 2


# --- the compose file


def test_compose_runs_one_build_with_few_rights():
    (compose,) = documents(ROOT / "compose.yaml")
    service = compose["services"]["clientele"]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"] and service["restart"] == "no"
    assert "no-new-privileges:true" in service["security_opt"]
    assert not any("KEY" in name and not name.endswith("_FILE") for name in service["environment"])
    mounted = {volume.rsplit(":/data", 1)[1] for volume in service["volumes"]}
    assert mounted == {"/events:ro", ""}
    asked = [set(one["secrets"]) for one in compose["services"].values()]
    assert set.union(*asked) == compose["secrets"].keys() and set(service["secrets"]) == {"pseudonym_key"}


def test_compose_runs_the_look_up_service_only_when_asked_and_read_only():
    (compose,) = documents(ROOT / "compose.yaml")
    service = compose["services"]["look-up"]
    assert service["profiles"] == ["serve"] and service["image"] == compose["services"]["clientele"]["image"]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"] and "tmpfs" not in service
    assert service["volumes"] == ["warehouse:/data:ro"] and service["secrets"] == ["service_keys"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["user"].split(":")[0] not in arguments("USER")[0], "the builds' user may read the vault"
    assert service["group_add"] == [arguments("USER")[0].split(":")[-1]], (
        "published/scoring is for their group"
    )
    assert_starts(service["command"])


def assert_starts(command: list[str]) -> None:
    """Have the command line read what a container would be started with."""
    assert command[:2] == ["clientele", "serve"]
    ran = CliRunner().invoke(main, [*command[1:], "--keys", "/nonexistent/keys.json", "--home", "/"])
    assert ran.exit_code == 1 and "Make a key first" in ran.output


def test_the_commands_of_the_compose_file_have_what_it_asks_for():
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\{(\w+):\?", text))
    commands = re.findall(r"^#   (.*docker compose run.*)$", text, re.MULTILINE)
    exported = set(re.findall(r"^#   export (\w+)=", text, re.MULTILINE))
    assert asked == {"EVENTS_DIR"} and len(commands) >= 2 and asked <= exported


# --- Kubernetes


OVERLAYS = ("duckdb", "redshift", "staging")


def resources() -> list[tuple[str, dict]]:
    files = [path for path in sorted(KUBERNETES.rglob("*.yaml")) if path.name != "kustomization.yaml"]
    return [(str(path.relative_to(KUBERNETES)), document) for path in files for document in documents(path)]


def merged(base, patch):
    """Apply a strategic merge patch: mappings by key, lists of named things by name, others as a whole."""
    if isinstance(base, dict) and isinstance(patch, dict):
        return base | {
            key: merged(base[key], value) if key in base else value for key, value in patch.items()
        }
    if (
        isinstance(base, list)
        and isinstance(patch, list)
        and all(isinstance(item, dict) and "name" in item for item in base + patch)
    ):
        patches = {item["name"]: item for item in patch}
        kept = [merged(item, patches.pop(item["name"], {})) for item in base]
        return kept + list(patches.values())
    return patch


def overlaid(overlay: str, name: str) -> dict:
    """Return a file of the base with the overlay's patch of the same name, if it has one."""
    (found,) = documents(KUBERNETES / "base" / name)
    patch = KUBERNETES / "overlays" / overlay / name
    return merged(found, documents(patch)[0]) if patch.exists() else found


def jobs() -> dict[str, dict]:
    return {overlay: overlaid(overlay, "cronjob.yaml") for overlay in OVERLAYS}


@cache
def rendered(overlay: str) -> list[dict]:
    """Return what kubectl would apply."""
    if not shutil.which("kubectl"):
        pytest.skip("needs kubectl")
    call = ["kubectl", "kustomize", KUBERNETES / "overlays" / overlay]
    return list(yaml.safe_load_all(subprocess.run(call, capture_output=True, text=True, check=True).stdout))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_overlay_renders_to_a_namespace_of_its_own(overlay):
    kinds = [document["kind"] for document in rendered(overlay)]
    assert sorted(set(kinds) - {"ConfigMap"}) == [
        "CronJob", "Namespace", "NetworkPolicy", "PersistentVolumeClaim", "ServiceAccount",
    ]  # fmt: skip
    namespaces = {document["metadata"].get("namespace") for document in rendered(overlay)} - {None}
    (namespace,) = [document for document in rendered(overlay) if document["kind"] == "Namespace"]
    assert namespaces == {namespace["metadata"]["name"]}
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    (job,) = [document for document in rendered(overlay) if document["kind"] == "CronJob"]
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    ours = jobs()[overlay]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    assert container["image"].startswith("registry.example/clientele:")
    for name in ("args", "resources", "securityContext", "volumeMounts"):
        assert container[name] == ours[name], name
    assert {entry["name"] for entry in container["env"]} == {entry["name"] for entry in ours["env"]}


def test_overlays_share_neither_namespace_nor_image_with_staging():
    by_overlay = {overlay: {str(document["metadata"].get("namespace")) for document in rendered(overlay)}
                  for overlay in OVERLAYS}  # fmt: skip
    assert len(set.union(*by_overlay.values()) - {"None"}) == 3
    assert "clientele:next" in str(rendered("staging")) and "clientele:next" not in str(rendered("duckdb"))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nobody_speaks_to_a_build(overlay):
    policy = overlaid(overlay, "networkpolicy.yaml")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"] and policy["ingress"] == []
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert ports == ({53, 5439} if overlay == "redshift" else set())


@pytest.mark.parametrize("target", OVERLAYS)
def test_a_build_never_runs_beside_another_and_has_few_rights(target):
    job = jobs()[target]["spec"]
    assert (
        job["concurrencyPolicy"] == "Forbid"
        and job["startingDeadlineSeconds"]
        and job["timeZone"] == "Etc/UTC"
    )
    run = job["jobTemplate"]["spec"]
    assert run["activeDeadlineSeconds"] and run["backoffLimit"] <= 2
    ignored, failed = run["podFailurePolicy"]["rules"]
    assert ignored["action"] == "Ignore" and ignored["onPodConditions"] == [
        {"type": "DisruptionTarget", "status": "True"}
    ]
    assert failed["action"] == "FailJob" and failed["onExitCodes"]["values"] == [1, 2], "dbt's own statuses"
    evicted = run["template"]["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict"]
    assert evicted == "false"
    pod = run["template"]["spec"]
    assert pod["restartPolicy"] == "Never" and pod["automountServiceAccountToken"] is False
    user = next(rest for rest in arguments("USER")).split(":")
    assert [str(pod["securityContext"][name]) for name in ("runAsUser", "runAsGroup")] == user
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["fsGroup"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    for kind in ("requests", "limits"):
        assert container["resources"][kind].keys() == {"cpu", "memory", "ephemeral-storage"}
    assert {mount["name"] for mount in container["volumeMounts"]} == {
        volume["name"] for volume in pod["volumes"]
    }


def test_duckdb_has_less_memory_than_its_container(tmp_path):
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.for_duckdb("3GB", tmp_path) == "3GB" == memory.for_duckdb("3GB", tmp_path / "nowhere")
    for held, taken in ((2 * 2**30, "1288MB"), (5 * 2**30, "3GB"), (64 * 2**30, "3GB")):
        (tmp_path / "memory.max").write_text(f"{held}\n")
        assert memory.for_duckdb("3GB", tmp_path) == taken
    older = tmp_path / "v1"
    (older / "memory").mkdir(parents=True)
    for held, taken in ((9223372036854771712, "3GB"), (2**30, "644MB")):
        (older / "memory" / "memory.limit_in_bytes").write_text(f"{held}\n")
        assert memory.for_duckdb("3GB", older) == taken
    assert memory.for_duckdb("80%", older) == "644MB"


def test_names_fit_together():
    found = {(document["kind"], document["metadata"]["name"]) for _, document in resources()}
    for job in jobs().values():
        pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        claims = [
            v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "persistentVolumeClaim" in v
        ]
        secrets = [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume]
        assert {("PersistentVolumeClaim", name) for name in claims} <= found
        assert {("Secret", name) for name in secrets} <= found
        assert ("ServiceAccount", pod["serviceAccountName"]) in found
    (secret,) = [document for _, document in resources() if document["kind"] == "Secret"]
    keys = {
        Path(entry["value"]).name
        for entry in jobs()["redshift"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0][
            "env"
        ]
        if entry["name"].endswith("_FILE")
    }
    assert keys == secret["stringData"].keys()
    assert not any(secret["stringData"].values()), "a manifest holds a secret"


def test_kustomizations_name_files_that_exist():
    for path in KUBERNETES.rglob("kustomization.yaml"):
        (found,) = documents(path)
        named = found["resources"] + [patch["path"] for patch in found.get("patches", [])]
        named += [name for generator in found.get("configMapGenerator", []) for name in generator["envs"]]
        assert all((path.parent / name).exists() for name in named), named
        assert "secret.example.yaml" not in named


def test_the_redshift_job_sets_what_the_profile_reads():
    profile = (ROOT / "profiles" / "profiles.yml").read_text(encoding="utf-8")
    wanted = set(re.findall(r"env_var\('((?:DBT_ENV_SECRET_)?REDSHIFT_\w+)'", profile))
    given = set(
        re.findall(
            r"^(\w+)=", (KUBERNETES / "overlays" / "redshift" / "warehouse.env").read_text(), re.MULTILINE
        )
    )
    given.add("DBT_ENV_SECRET_REDSHIFT_PASSWORD")
    assert (
        wanted - {"REDSHIFT_SSLMODE", "REDSHIFT_METHOD", "REDSHIFT_CLUSTER", "REDSHIFT_QUERY_GROUP"} <= given
    )


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("version", ["1.31", "1.33", "1.35"])
def test_manifests_fit_the_schemas_of_kubernetes(overlay, version):
    validate = pytest.importorskip(
        "kubernetes_validate", reason="schemas: pip install kubernetes-validate (108 MB, so not in the lock)"
    )
    for document in rendered(overlay):
        validate.validate(document, version, strict=True)


# --- the look-up service


def look_up(kind: str) -> dict:
    """Return what kubectl would apply of a kind, or the file itself where there is no kubectl."""
    folder = KUBERNETES / "overlays" / "look-up"
    if shutil.which("kubectl"):
        (found,) = [document for document in rendered("look-up") if document["kind"] == kind]
        return found
    (found,) = [
        document for document in documents(folder / f"{kind.lower()}.yaml") if document["kind"] == kind
    ]
    return found


def test_the_look_up_service_has_probes_bounds_and_few_rights():
    pod = look_up("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert_starts(container["args"])
    assert pod["automountServiceAccountToken"] is False and pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    builds = jobs()["duckdb"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["securityContext"]
    for name in ("runAsUser", "runAsGroup", "fsGroup"):
        assert pod["securityContext"][name] != builds[name], "the builds' user may read the vault"
    # published/scoring is for their group
    assert pod["securityContext"]["supplementalGroups"] == [builds["runAsGroup"]]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    for kind in ("requests", "limits"):
        assert container["resources"][kind].keys() == {"cpu", "memory", "ephemeral-storage"}
    probes = {
        name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")
    }
    assert probes == {"startup": "/alive", "liveness": "/alive", "readiness": "/health"}
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    claim = volumes["data"]["persistentVolumeClaim"]
    assert claim == {"claimName": "clientele", "readOnly": True} and "emptyDir" not in str(volumes)


def test_who_asks_the_look_up_service_is_labelled_and_it_asks_nobody():
    policy = look_up("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"] and policy["egress"] == []
    (rule,) = policy["ingress"]
    (container,) = look_up("Deployment")["spec"]["template"]["spec"]["containers"]
    assert [port["port"] for port in rule["ports"]] == [port["containerPort"] for port in container["ports"]]
    assert rule["from"] == [{"podSelector": {"matchLabels": {"clientele-look-up-client": "true"}}}]


def test_the_look_up_overlay_renders_beside_the_builds():
    found = rendered("look-up")
    assert {document["metadata"]["namespace"] for document in found} == {"clientele"}
    selected = look_up("Deployment")["spec"]["template"]["metadata"]["labels"]
    for kind in ("NetworkPolicy", "PodDisruptionBudget", "Service"):
        spec = look_up(kind)["spec"]
        labels = spec.get("podSelector") or spec["selector"]
        assert labels.get("matchLabels", labels) == selected, kind
    builds = overlaid("duckdb", "networkpolicy.yaml")["spec"]["podSelector"]["matchLabels"]
    assert not builds.items() <= selected.items(), "nobody could ask it"


def test_the_entry_point_lets_the_look_up_service_run_where_nothing_can_be_written(tmp_path):
    ran = entrypoint(tmp_path, "clientele", "serve", CLIENTELE_HOME="/proc")
    assert (ran.returncode, ran.stdout) == (0, "clientele serve: none\n")


# --- the CI workflow


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_are_pinned_and_have_few_rights(path):
    (workflow,) = documents(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in workflow[True if True in workflow else "on"]
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] and not job["runs-on"].endswith("latest"), name
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40}", step["uses"]), step["uses"]
                if step["uses"].startswith("actions/checkout@"):
                    assert step["with"]["persist-credentials"] is False
            else:
                assert step["run"].strip()
                assert "${{" not in step["run"], (
                    "an expression in a script: pass it as an environment variable"
                )
            if "secrets." in str(step) or "github.token" in str(step):
                installs = r"\b(make env|pip3? install|uvx|docker build|npm|apt-get)\b"
                assert not re.search(installs, step.get("run", "")), "a secret where packages are installed"
        for needed in job.get("needs", []):
            assert needed in workflow["jobs"]
        if "secrets." in str(job):
            assert job["environment"] and "refs/heads/main" in job["if"], f"{name} has secrets"


def test_the_warehouse_job_does_what_it_promises():
    (workflow,) = documents(ROOT / ".github" / "workflows" / "warehouse.yml")
    scripts = {
        name: "\n".join(step.get("run", "") for step in job["steps"])
        for name, job in workflow["jobs"].items()
    }
    assert "make test" in scripts["check"]
    assert (
        "--select state:modified+ --defer --state" in scripts["build"] and "\ndbt build\n" in scripts["build"]
    )
    assert "--target redshift" in scripts["redshift"] and "redshift_lint" in scripts["redshift"]
    assert set(workflow["jobs"]["redshift"]["needs"]) == {"check", "build", "image"}
    image = workflow["jobs"]["image"]["steps"]
    for tool in ("cyclonedx-py", "pip-audit", "hadolint", "checkov", "imagetools inspect"):
        assert tool in scripts["image"], tool
    assert any(step.get("with", {}).get("image") == "clientele:test-image" for step in image), "no scan"
    assert "attest-build-provenance" in str(workflow["jobs"]["publish"])
    rights = {name for name, job in workflow["jobs"].items() if "permissions" in job}
    assert rights == {"publish"}, "who signs has the rights to, and nobody else"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"\bmake ([a-z-]+)", "\n".join(scripts.values())):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


# --- Redshift's set-up

SQL = sorted((ROOT / "deploy" / "redshift").glob("*.sql"))


@pytest.mark.parametrize("path", SQL, ids=lambda path: path.name)
def test_set_up_sql_is_redshifts(path):
    sql = re.sub(r"(?<![:\w]):\w+", "'value'", path.read_text(encoding="utf-8"))
    assert refusals(sql) == []


def test_sql_in_scripts_and_in_the_set_up_guide_is_redshifts():
    """What run.py is handed on a command line, and the blocks of docs/redshift.md."""
    found = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "redshift.md").read_text(encoding="utf-8"), re.S)
    for path in sorted((ROOT / "deploy" / "redshift").glob("*.sh")):
        text = path.read_text(encoding="utf-8")
        found += re.findall(r'\bask "((?:[^"\\]|\\.)*)"', text)
        found += re.findall(r'^\s+"((?:alter|select|create)[^"]*)"', text, re.MULTILINE)
    assert len(found) > 12
    for sql in found:
        sql = re.sub(r"(?<![:\w]):\w+", "'value'", sql.replace('\\"', '"'))
        assert refusals(sql) == [], sql


def runner(name: str = "run"):
    spec = importlib.util.spec_from_file_location(name, ROOT / "deploy" / "redshift" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_values_become_literals_and_none_is_forgotten(monkeypatch):
    run = runner()
    monkeypatch.setenv("A_SECRET", "it's")
    assert run.filled_in("create user a password :p -- :q", ["p=env:A_SECRET"]).strip() == (
        "create user a password 'it''s'"
    )
    assert run.filled_in("select 'a'::varchar(9)", []) == "select 'a'::varchar(9)"
    assert (
        run.filled_in('grant create on database :"d" to a', ['d=my"db'])
        == 'grant create on database "my""db" to a'
    )
    monkeypatch.setenv("REDSHIFT_DATABASE", "shop")
    assert run.filled_in('select :"database"', []) == 'select "shop"'
    for settings in ([], ["p=1", "q=2"]):
        with pytest.raises(ValueError, match="wrong or missing"):
            run.filled_in("select :p", settings)
    with pytest.raises(ValueError, match="backslash"):
        run.filled_in("select :p", ["p=\\"])
    with pytest.raises(ValueError, match="NOWHERE is not set"):
        run.filled_in("select :p", ["p=env:NOWHERE"])


def test_the_runner_says_what_is_not_set(monkeypatch, capsys):
    monkeypatch.delenv("REDSHIFT_HOST", raising=False)
    assert runner().main(["select 1"]) == 2
    assert "REDSHIFT_HOST" in capsys.readouterr().err


def test_the_sizes_of_the_documentation_are_those_of_the_command(tmp_path, capsys):
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute(f"attach '{tmp_path / 'vault.duckdb'}' as vaults; create schema vaults.vault")
        connection.execute("create schema core; create schema marts")
        for table in runner("size").TABLES:
            place = f"vaults.{table}" if table.startswith("vault.") else table
            connection.execute(f"create table {place} as select 1::bigint as a, 'four' as b, null::date as c")
    assert runner("size").main([str(tmp_path / "warehouse.duckdb")]) == 0
    printed = capsys.readouterr().out
    assert "| `core.events` | events | 18 |" in printed
    text = (ROOT / "docs" / "redshift.md").read_text(encoding="utf-8")
    kept = text.split("<!-- size.py -->\n")[1].split("<!-- /size.py -->")[0]

    def without_widths(table: str) -> list[list[str]]:
        return [
            [cells[i] for i in (1, 2, 4, 6)] for cells in (row.split("|") for row in table.splitlines()[:-1])
        ]

    assert without_widths(kept) == without_widths(printed)
    assert runner("size").main([]) == 2


def test_roles_of_aws_are_for_one_prefix_each_and_of_nobody_else():
    """The IAM policies stand in the set-up of docs/redshift.md; no cluster has seen them."""
    page = (ROOT / "docs" / "redshift.md").read_text(encoding="utf-8")
    policies = {
        name: json.loads(re.sub(r"'\"(\$\w+)\"'", r"\1", text))["Statement"]
        for name, text in re.findall(
            r"put-role-policy --role-name (\S+).*?--policy-document '(.*?)'\n", page, re.S
        )
    }
    assert policies.keys() == {"clientele-lake", "clientele-publish"}
    for name, prefix in (("clientele-lake", "events/*"), ("clientele-publish", "published/*")):
        for statement in policies[name]:
            resources = statement["Resource"]
            assert "*" not in ([resources] if isinstance(resources, str) else resources)
            if "s3:ListBucket" in statement["Action"]:
                assert statement["Condition"] == {"StringLike": {"s3:prefix": prefix}}
            elif {"s3:GetObject", "s3:PutObject"} & {*statement["Action"]}:
                assert resources == f"arn:aws:s3:::$BUCKET/{prefix}"
    lake_actions = {action for statement in policies["clientele-lake"] for action in statement["Action"]}
    assert not lake_actions & {"s3:PutObject", "s3:DeleteObject"} and "glue:*" not in page
    for made in ("namespace", "workgroup"):
        assert page.index(f"create-{made}") < page.index(f'"$(state {made})" = AVAILABLE')
    assert "iam_role :role" in (ROOT / "deploy/redshift/lake.sql").read_text(encoding="utf-8")
    roles = (ROOT / "deploy/redshift/roles.sql").read_text(encoding="utf-8")
    statements = [text.strip() for text in re.sub(r"--.*", "", roles).split(";") if text.strip()]
    assert statements == [
        "revoke assumerole on all from public for all",
        "grant assumerole on default to clientele_build for unload",
        "revoke all on schema public from public",
    ]


def test_no_reader_gets_at_raw_ids():
    setup = (ROOT / "deploy" / "redshift" / "setup.sql").read_text(encoding="utf-8")
    for grant in re.findall(r"^(?:grant|alter default)[^;]*;", setup, re.MULTILINE):
        if "clientele_analyst" in grant or "clientele_reader" in grant:
            assert not re.search(r"\b(vault|lake)\b", grant), grant


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("deploy/**/*.sh")) + sorted(ROOT.glob("deploy/container/*"))
)
def test_scripts_can_be_run_and_parse(path):
    assert path.stat().st_mode & 0o111
    shell = path.read_text(encoding="utf-8").splitlines()[0].split("/")[-1].split()[-1]
    assert subprocess.run([shell, "-n", path], capture_output=True, text=True).stderr == ""


# --- make


@pytest.mark.parametrize(
    ("python", "said"),
    [
        (None, "does not start. Install Python 3.11 or later"),
        ("#!/bin/sh\nexit 1\n", "does not start"),
        ('#!/bin/sh\n[ "$2" = "" ] || exit 1\n', "is older than 3.11. Name a newer one"),
    ],
)
def test_make_tells_a_python_that_is_old_from_one_that_does_not_start(tmp_path, python, said):
    for name in ("run.lock", "installer.lock", "install.py"):
        (tmp_path / "requirements").mkdir(exist_ok=True)
        (tmp_path / "requirements" / name).touch()
    (tmp_path / "pyproject.toml").touch()
    if python is not None:
        (tmp_path / "python").write_text(python)
        (tmp_path / "python").chmod(0o755)
    call = ["make", "-f", ROOT / "Makefile", f"PYTHON={tmp_path}/python", ".venv/run.stamp"]
    ran = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 2 and f"{tmp_path}/python {said}" in ran.stderr and not ran.stdout
