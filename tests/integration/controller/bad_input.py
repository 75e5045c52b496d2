"""Each bad input is one clear error with its place, and changes nothing: neither the head, nor what
the relay serves."""

import base64

import cases
from controller_process import ControllerProcess, path_of
from relay_process import RelayProcess

KEY = base64.b64encode(bytes(range(32))).decode()

GOOD = f"""\
relay: {{addresses: ["127.0.0.1"], https_port: 0}}
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
    ("overlap with the pool", "sites:\n  two:\n    networks: [10.98.0.0/24]\n", (3, 16), ""),
    ("bad key", "sites:\n  home:\n    public_key: c2hvcnQ=\n", (3, 17), "44"),
    ("key used twice", f"sites:\n  a: {{public_key: {KEY}}}\n  b: {{public_key: {KEY}}}\n", None,
     "key"),
    ("duplicate hostname",
     "hosts:\n  b.example.com: {site: home}\n  B.example.com.: {site: home}\n", (3, 3), ""),
    ("invalid hostname", "hosts:\n  -b.example.com: {site: home}\n", (2, 3), ""),
    ("target outside", "hosts:\n  b.example.com: {site: home, target: 10.31.0.1:443}\n", (2, 39),
     "10.30.0.0/24"),
    ("no target", "sites:\n  bare: {}\nhosts:\n  b.example.com: {site: bare}\n", None, "target"),
    ("unknown key", "hosts:\n  b.example.com: {sitee: home}\n", (2, 19), 'did you mean "site"'),
    ("not in this version", "ports:\n  game: {listen: 25565/tcp, site: home, target: 10.30.0.4:1}\n",
     None, "not in this version"),
    ("not YAML", "hosts: [\n", None, ""),
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
                assert problems[0]["file"] == "b.yaml" and problems[0]["line"] > 0, (name, problems)
                if place:
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
        usage = subprocess.run([BINARY, "--confg"], capture_output=True, text=True)
        assert usage.returncode == 2 and "--help" in usage.stderr, usage
        for option, part in [("--help", "--config FILE"), ("--version", "adit-controller 0.")]:
            shown = subprocess.run([BINARY, option], capture_output=True, text=True)
            assert shown.returncode == 0 and part in shown.stdout, shown


cases.run(globals())
