"""visitor.py CA-FILE ADDRESS NAME HELD THREADS: visitors of https://NAME/ at ADDRESS, until a line comes on stdin.
HELD connections are made first and asked for the page at the very end; THREADS make new ones all the time, each
with a handshake and a page. Prints `ready` once the held ones stand, at the end one line of JSON. Runs in the
namespace of a test's client."""

import contextlib
import json
import socket
import ssl
import sys
import threading

CA_FILE, ADDRESS, NAME, HELD, THREADS = *sys.argv[1:4], *map(int, sys.argv[4:6])
REQUEST = f"GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode()
context = ssl.create_default_context(cafile=CA_FILE)
stop = threading.Event()
lock = threading.Lock()
done, failures = 0, []


def connection():
    return context.wrap_socket(socket.create_connection((ADDRESS, 443), 20), server_hostname=NAME)


def ask(tls):
    tls.sendall(REQUEST)
    answer = b""
    while not answer.endswith(b"hello from home\n"):
        if not (part := tls.recv(4096)):
            raise EOFError(f"the answer ends: {answer!r}")
        answer += part


def visit():
    global done
    while not stop.is_set():
        try:
            with contextlib.closing(connection()) as tls:
                ask(tls)
            with lock:
                done += 1
        except (OSError, EOFError) as error:
            with lock:
                failures.append(repr(error))


held = [connection() for _ in range(HELD)]
for tls in held:
    ask(tls)
threads = [threading.Thread(target=visit) for _ in range(THREADS)]
for thread in threads:
    thread.start()
print("ready", flush=True)
sys.stdin.readline()
stop.set()
for thread in threads:
    thread.join()
lost = 0
for tls in held:
    try:
        ask(tls)
    except (OSError, EOFError) as error:
        lost += 1
        failures.append(f"held: {error!r}")
print(json.dumps({"done": done, "lost": lost, "failures": failures}), flush=True)
