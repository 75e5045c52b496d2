"""Each bad input is one clear error with its place, and changes nothing: neither the head, nor what
the relay serves."""

import base64
import json
import os

import cases
import unprivileged
from controller_process import ControllerProcess, path_of
from relay_process import RelayProcess

KEY = base64.b64encode(bytes(range(32))).decode()
PRIVATE_KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="

GOOD = f"""\
relay: {{addresses: ["127.0.0.1"], https_port: 0, http_port: 0}}
sites:
  home:
    networks: [10.30.0.0/24]
    target: 10.30.0.200:443
hosts:
  app.example.com: {{site: home}}
  direct.example.com: {{site: direct, target: "127.0.0.1:9"}}
"""

# name, what is applied on top of GOOD, place, part of what is said
BAD = [
    ("unknown site", "hosts:\n  b.example.com: {site: hme}\n", (2, 25), 'no site "hme"'),
    ("overlap", "sites:\n  two:\n    networks: [10.30.0.128/25]\n", (3, 16), "overlaps"),
    ("overlap with the pool", "sites:\n  two:\n    networks: [10.98.0.0/24]\n", (3, 16),
     "10.98.0.0/24 overlaps 10.98.0.0/16, the tunnel's own addresses"),
    ("bad key", "sites:\n  home:\n    public_key: c2hvcnQ=\n", (3, 17), "44"),
    ("key used twice", f"sites:\n  a: {{public_key: {KEY}}}\n  b: {{public_key: {KEY}}}\n", (3, 19),
     "is the public key of site a too (b.yaml:2:19)"),
    ("private key pasted", f"sites:\n  home:\n    public_key: |\n      {PRIVATE_KEY}\n", (3, 17),
     "has a line break"),
    ("duplicate hostname",
     "hosts:\n  b.example.com: {site: home}\n  B.example.com.: {site: home}\n", (3, 3),
     "written twice; the first is at b.yaml:2:3"),
    ("invalid hostname", "hosts:\n  -b.example.com: {site: home}\n", (2, 3),
     '"-b.example.com": a host name has a label that starts or ends with \'-\''),
    ("target outside", "hosts:\n  b.example.com: {site: home, target: 10.31.0.1:443}\n", (2, 39),
     "10.30.0.0/24"),
    ("no target", "sites:\n  bare: {}\nhosts:\n  b.example.com: {site: bare}\n", (4, 3),
     "has no target, and site bare has no default one"),
    ("unknown key", "hosts:\n  b.example.com: {sitee: home}\n", (2, 19), 'did you mean "site"'),
    ("not in this version", "ports:\n  game: {listen: 25565/tcp, site: home, target: 10.30.0.4:1}\n",
     (2, 3), "a raw port is not in this version"),
    ("plain HTTP outside", "hosts:\n  b.example.com: {site: home, http_target: 10.31.0.1:80}\n", (2, 44),
     "outside site home's network 10.30.0.0/24"),
    ("port of plain HTTP", "relay: {http_port: 70000}\n", (1, 20), "is neither a port from 0 to 65535 nor off"),
    ("not YAML", "hosts: [\n", (2, 1), "not YAML: end of sequence flow not found"),
    ("direct redefined", "sites:\n  direct: {networks: [10.40.0.0/24]}\n", (2, 3), "direct"),
]


def test_each_bad_file_is_one_clear_error_and_changes_nothing():
    with RelayProcess() as relay, ControllerProcess(relay.control_path) as controller:
        assert controller.apply(GOOD).status == 200
        before = (controller.get("/v1/hosts"), controller.get("/v1/sites"),
                  relay.stats()["table_digest"])
        for name, text, place, part in BAD:
            for path in ["/v1/apply", "/v1/plan"]:
                answer = controller.request("POST", path,
                                            {"files": [{"path": "b.yaml", "text": text}]})
                assert answer.status == 400, (name, answer)
                problems = answer.document["problems"]
                assert len(problems) == 1, (name, problems)
                assert problems[0]["file"] == "b.yaml", (name, problems)
                found = (problems[0]["line"], problems[0]["column"])
                assert found == place, (name, problems)
                assert part in problems[0]["what"], (name, problems)
                assert "b.yaml:" in answer.document["detail"], (name, answer)
        after = (controller.get("/v1/hosts"), controller.get("/v1/sites"),
                 relay.stats()["table_digest"])
        assert before == after


def test_all_problems_come_at_once():
    with ControllerProcess() as controller:
        answer = controller.request("POST", "/v1/apply", {"files": [
            {"path": "a.yaml", "text": "hosts:\n  a.example.com: {site: nowhere}\n"},
            {"path": "b.yaml", "text": "sites:\n  home: {netwroks: []}\nhosts:\n  '-x': {}\n"}]})
        assert answer.status == 400 and "nothing was changed" in answer.document["detail"], answer
        assert {p["file"] for p in answer.document["problems"]} == {"a.yaml", "b.yaml"}, answer
        assert len(answer.document["problems"]) >= 3, answer


def test_a_name_in_two_files_is_one_error_that_names_both():
    with ControllerProcess() as controller:
        line = "hosts:\n  a.example.com: {site: direct, target: \"127.0.0.1:9\"}\n"
        answer = controller.request("POST", "/v1/apply", {"files": [
            {"path": "a.yaml", "text": "# the first\n" + line}, {"path": "b.yaml", "text": line}]})
        assert answer.status == 400, answer
        assert answer.document["detail"] == \
            "b.yaml:2:3: hosts.a.example.com: written twice; the first is at a.yaml:3:3", answer
        assert controller.status()["revision"] == 0


def test_no_answer_has_a_private_key():
    """Neither the node's own nor one that was pasted where a public key belongs."""
    with unprivileged.place() as arguments, ControllerProcess(**arguments) as controller:
        with open(os.path.join(controller.state_dir, "wireguard.key")) as file:
            own = file.read().strip()
        assert len(own) == len(PRIVATE_KEY)
        said = []

        def ask(status, method, path, document=None):
            answer = controller.request(method, path, document)
            assert answer.status == status, answer
            said.append(json.dumps(answer.document))

        site = {"networks": ["10.30.0.0/24"], "target": "10.30.0.200:443", "public_key": KEY}
        text = json.dumps({"sites": {"home": site}, "hosts": {"a.example.com": {"site": "home"}}})
        files = {"files": [{"path": "a.yaml", "text": text}]}
        ask(200, "POST", "/v1/plan", files)
        ask(200, "POST", "/v1/apply", files)
        assert "interface" in said[0] and "failing" in said[1], said
        for path in ["config", "config?format=wg-quick"]:
            ask(200, "GET", f"/v1/sites/home/{path}")
        for path in ["status", "sites", "sites/home", "hosts", "routes", "revisions"]:
            ask(200, "GET", f"/v1/{path}")
        for wrong in [f"{PRIVATE_KEY}\n", f"{PRIVATE_KEY}\r\n", f" {PRIVATE_KEY}", PRIVATE_KEY[:43],
                      f"PrivateKey = {PRIVATE_KEY}", f"[Interface]\nPrivateKey = {PRIVATE_KEY}\n"]:
            ask(400, "PATCH", "/v1/sites/home", {"public_key": wrong})
            ask(400, "PUT", "/v1/sites/two", {"public_key": wrong})
            ask(400, "PUT", "/v1/sites/two", {"private_key": wrong})
            for form in [json.dumps(wrong), "|\n   " + wrong.strip().replace("\n", "\n   ") + "\n"]:
                text = f"sites:\n two:\n  public_key: {form}\n"
                ask(400, "POST", "/v1/plan", {"files": [{"path": "a.yaml", "text": text}]})
                ask(400, "POST", "/v1/apply", {"files": [{"path": "a.yaml", "text": text}]})
        for secret in [own, PRIVATE_KEY]:
            forms = [secret[:40], base64.b64decode(secret).hex()]
            for line in said + controller.lines:
                assert not any(form in line for form in forms), line


def test_single_resources_are_checked_alike():
    with ControllerProcess() as controller:
        assert controller.apply(GOOD).status == 200

        def refused(method, path, document):
            answer = controller.request(method, path, document)
            assert answer.status == 400 and answer.document["problems"], (path, answer)

        refused("PUT", "/v1/hosts/b.example.com", {"site": "hme"})
        refused("PUT", "/v1/hosts/b.example.com", {"site": "home", "target": "10.31.0.1:443"})
        refused("PUT", "/v1/hosts/b.example.com", {"site": "home", "targt": "10.30.0.1:443"})
        refused("PUT", "/v1/hosts/-b.example.com", {"site": "home"})
        refused("PUT", path_of("v1", "hosts", "a/b"), {"site": "home"})
        refused("PUT", path_of("v1", "hosts", "a\0b"), {"site": "home"})
        refused("PUT", "/v1/sites/two", {"networks": ["10.30.0.0/16"]})
        refused("PUT", "/v1/sites/Two", {"networks": ["10.40.0.0/16"]})
        refused("PUT", "/v1/sites/direct", {"networks": ["10.40.0.0/16"]})
        refused("PUT", "/v1/sites/two", {"owner": "git"})
        refused("PUT", "/v1/sites/two", {"address6": "fd00::77"})
        refused("PUT", "/v1/sites/two", {"http_target": "10.40.0.1:80"})
        refused("PUT", "/v1/hosts/b.example.com", {"site": "home", "owner": "git"})
        refused("PATCH", "/v1/sites/home", {"owner": "git"})
        refused("PATCH", "/v1/sites/home", {"address6": "fd00::77"})
        assert controller.status()["revision"] == 1


def test_a_bad_settings_file_ends_the_start():
    import subprocess
    import tempfile

    from controller_process import BINARY

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/controller.yaml"
        with open(path, "w") as file:
            file.write("state_dir: relative\nintrface: adit0\n")
        ended = subprocess.run([BINARY, "--config", path], capture_output=True, text=True)
        assert ended.returncode == 1, ended
        assert f"{path}:1:" in ended.stderr and f"{path}:2:" in ended.stderr, ended
        missing = subprocess.run([BINARY, "--config", f"{folder}/none.yaml"], capture_output=True,
                                 text=True)
        assert missing.returncode == 1 and "none.yaml" in missing.stderr, missing
        with open(path, "w") as file:
            file.write(f"state_dir: {folder}/state\ncontrol_socket: {path}\n")
        taken = subprocess.run([BINARY, "--config", path], capture_output=True, text=True,
                               timeout=20)
        assert taken.returncode == 1 and "is no socket" in taken.stderr, taken
        with open(path) as file:
            assert "control_socket" in file.read()
        usage = subprocess.run([BINARY, "--confg"], capture_output=True, text=True)
        assert usage.returncode == 2 and "--help" in usage.stderr, usage
        for option, part in [("--help", "--config FILE"), ("--version", "adit-controller 0.")]:
            shown = subprocess.run([BINARY, option], capture_output=True, text=True)
            assert shown.returncode == 0 and part in shown.stdout, shown


cases.run(globals())
