"""servers.py FOLDER: real servers of several kinds on ports the kernel chose; prints "KIND PORT" for each, then "ready".

They live until stdin ends, so that they never outlive the test that started them. FOLDER gets cert.pem, key.pem.
"""
import http.server
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading

NAMES = "subjectAltName=DNS:app.example.test,DNS:*.lab.example.test,IP:127.0.0.1"


def certificate(folder):
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "30", "-subj", "/O=Example Home/CN=app.example.test", "-addext", NAMES,
                    "-keyout", key, "-out", cert], check=True, stderr=subprocess.DEVNULL)
    return cert, key


def listening():
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(64)
    return server


def announce(kind, server):
    print(kind, server.getsockname()[1], flush=True)


def serve(kind, answer):
    """Each connection is given to `answer` in a thread of its own."""
    server = listening()

    def guarded(connection):
        with connection:
            try:
                answer(connection)
            except OSError:
                pass

    def run():
        while True:
            connection, _ = server.accept()
            threading.Thread(target=guarded, args=(connection,), daemon=True).start()

    threading.Thread(target=run, daemon=True).start()
    announce(kind, server)


def drain(connection):
    while connection.recv(65536):
        pass


def tls(cert, key, version=None, alert_for=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if version:
        context.minimum_version = context.maximum_version = version
    if alert_for:
        def refuse(_connection, name, _context):
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME if name == alert_for else None
        context.sni_callback = refuse

    def answer(connection):
        with context.wrap_socket(connection, server_side=True) as secure:
            drain(secure)
    return answer


class Quiet(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def python_http():
    """Waits for a newline, which a ClientHello need not have."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    announce("http", server.socket)


def nginx(folder, cert, key):
    """One nginx that was given its listening sockets (NGINX= is how it takes over its own at an upgrade)."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if not program:
        return None
    plain, secure, proxied = listening(), listening(), listening()
    ports = [server.getsockname()[1] for server in (plain, secure, proxied)]
    config = os.path.join(folder, "nginx.conf")
    with open(config, "w") as out:
        out.write(f"""daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
            events {{}}
            http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
              fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
              server {{ listen 127.0.0.1:{ports[0]}; return 200 hello; }}
              server {{ listen 127.0.0.1:{ports[1]} ssl; ssl_certificate {cert}; ssl_certificate_key {key}; return 200 hello; }}
              server {{ listen 127.0.0.1:{ports[2]} ssl proxy_protocol; ssl_certificate {cert}; ssl_certificate_key {key}; return 200 hello; }} }}
            """)
    given = [plain.fileno(), secure.fileno(), proxied.fileno()]
    process = subprocess.Popen([program, "-p", folder, "-c", config], pass_fds=given, stdin=subprocess.DEVNULL,
                               env={**os.environ, "NGINX": "".join(f"{fd};" for fd in given)})
    announce("nginx_http", plain)
    announce("nginx_https", secure)
    announce("nginx_proxied", proxied)
    return process


def main():
    folder = sys.argv[1]
    cert, key = certificate(folder)
    serve("tls", tls(cert, key))
    serve("tls12", tls(cert, key, version=ssl.TLSVersion.TLSv1_2))
    serve("choosy", tls(cert, key, alert_for="other.example.test"))
    python_http()
    serve("silent", drain)
    serve("closing", lambda connection: connection.recv(1))
    serve("ssh", lambda connection: (connection.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n"), drain(connection)))
    serve("go_http", lambda connection: (connection.recv(1), connection.sendall(
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request")))
    serve("slow_https", slow_https)
    process = nginx(folder, cert, key)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("ready", flush=True)
    try:
        sys.stdin.read()
    finally:
        if process:
            process.terminate()
            process.wait()


def slow_https(connection):
    """An HTTPS server too slow for its handshake, which still complains about plain HTTP as Go does."""
    if connection.recv(65536).startswith(b"GET "):
        connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
    else:
        drain(connection)


if __name__ == "__main__":
    main()
