"""A controller that answers what the test says and writes down what it was asked, on a Unix socket
of its own; and `adit`, run against any socket."""

import collections
import http.server
import json
import os
import shutil
import socketserver
import subprocess
import tempfile
import threading

BUILD = os.environ.get("ADIT_BUILD_DIR", "build/dev")
ADIT = os.path.join(BUILD, "controller", "adit")
SLOWNESS = 5 if os.environ.get("ADIT_SANITIZE", "") else 1

Asked = collections.namedtuple("Asked", "method path headers body")
Ran = collections.namedtuple("Ran", "status out err")


def adit(*words, socket=None, stdin="", environment=None, prefix=(), timeout=60):
    """Runs the command line; its exit status and what it wrote. No locale but C.UTF-8, no colour."""
    inherited = {k: v for k, v in os.environ.items() if k not in ("ADIT_SOCKET", "NO_COLOR")}
    where = {"ADIT_SOCKET": socket} if socket else {}
    done = subprocess.run([*prefix, ADIT, *words], input=stdin, capture_output=True, text=True,
                          timeout=timeout * SLOWNESS,
                          env={**inherited, "LC_ALL": "C.UTF-8", **where, **(environment or {})})
    return Ran(done.returncode, done.stdout, done.stderr)


def change(signs="+", steps=(), undo="adit host rm app.example.com", **more):
    """A ChangeResult."""
    return {"revision": 8, "previous_revision": 7,
            "changes": [{"sign": sign, "kind": "host", "name": "app.example.com", "what": "to home"}
                        for sign in signs],
            "steps": list(steps), "warnings": [], "undo": undo, **more}


def step(state, what="push the table", error="", fix=""):
    return {"sign": "+", "kind": "relay", "what": what, "state": state, "error": error, "fix": fix}


def problem(status, detail, code="invalid", problems=()):
    return status, {"type": "about:blank", "title": "No", "status": status, "detail": detail,
                    "code": code, "problems": list(problems)}


class FakeController:
    """`answers`: (method, path without query) -> document, (status, document), a function that
    makes one, or a list of them, one for each request in turn (the last one stays)."""

    def __init__(self, answers=None):
        self.answers = dict(answers or {})
        self.asked = []
        self.folder = tempfile.mkdtemp(prefix="adit-cli-test-")
        self.socket_path = os.path.join(self.folder, "control.sock")
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                fake.asked.append(Asked(self.command, self.path, self.headers, self.rfile.read(length)))
                status, content = fake.answer_to(self.command, self.path.split("?")[0])
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = answer

            def log_message(self, *_):
                pass

            def address_string(self):
                return "unix"

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

        self.server = Server(self.socket_path, Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def answer_to(self, method, path):
        answer = self.answers.get((method, path), problem(404, f"no {path} here", "not_found"))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            answer = answer()
        status, document = answer if isinstance(answer, tuple) else (200, answer)
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        return status, content

    def run(self, *words, **arguments):
        return adit(*words, socket=self.socket_path, **arguments)

    def sent(self, index=-1):
        """The JSON of a request's body."""
        return json.loads(self.asked[index].body)

    def lines(self):
        """"PUT /v1/hosts/x" of every request so far."""
        return [f"{asked.method} {asked.path}" for asked in self.asked]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)
