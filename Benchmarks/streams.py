"""Resident memory of the function host and of the storage while many uploads stream through them at once.

    python3 Benchmarks/streams.py .build/release [--uploads 100] [--megabytes 100] [--kinds raw,chunked,form,presigned]
                                  [--long 2000] [--limit 150]

The songs go as raw bodies, as bodies of unknown length, as forms whose options follow the file, and to presigned addresses; then
one form of 2 GB goes alone.
Starts both on free loopback ports with a data folder of their own (so many times so many megabytes of disk, given back at
the end), sends all uploads side by side from one thread, and prints the memory before, the highest while they ran, and the
throughput. Every song must be accepted and every stored object complete; the end is 1 where a process took more than the limit (MB).
"""

import argparse
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import selectors
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

parser = argparse.ArgumentParser()
parser.add_argument("binaries", type=pathlib.Path)
parser.add_argument("--uploads", type=int, default=100)
parser.add_argument("--megabytes", type=int, default=100)
parser.add_argument("--kinds", default="raw,chunked,form,presigned")
parser.add_argument("--long", type=int, default=2000, help="megabytes of the one long form; 0 leaves it out")
parser.add_argument("--limit", type=float, default=150, help="megabytes that host and storage may take")
arguments = parser.parse_args()
block = os.urandom(1 << 16)


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def wait_for(port):
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.05)


def resident(process):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1000
    return 0


def start(program, *flags, **environment):
    return subprocess.Popen(
        [str(arguments.binaries / program), *flags], env={**os.environ, **environment},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def create_bucket(port):
    """PUT /queue, signed with Signature Version 4."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = f"{now[:8]}/us-east-1/s3/aws4_request"
    names = "host;x-amz-content-sha256;x-amz-date"
    fields = {"host": f"127.0.0.1:{port}", "x-amz-content-sha256": hashlib.sha256(b"").hexdigest(), "x-amz-date": now}
    canonical = "\n".join(
        ["PUT", "/queue", "", *(f"{name}:{value}" for name, value in fields.items()), "", names,
         fields["x-amz-content-sha256"]])
    key = b"AWS4benchmark"
    for word in [*scope.split("/"), "\n".join(
        ["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])]:
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    fields["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential=benchmark/{scope}, SignedHeaders={names}, Signature={key.hex()}")
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("PUT", "/queue", headers=fields)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()


BOUNDARY = "msaas-benchmark"
FORM_HEAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
    "Content-Type: audio/wav\r\n\r\n").encode()
# The option comes after the file, as many clients have it.
FORM_TAIL = (
    f'\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name="format"\r\n\r\nflac\r\n--{BOUNDARY}--\r\n').encode()


class Upload:
    """One song on its way: a head, so many bytes in pieces, and an end."""

    def __init__(self, port, kind, host, size):
        line, fields, self.end, length = "POST /upload?filename=a.wav", [], b"", size
        opening = b""
        if kind == "presigned":
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("POST", "/upload?presign=1&filename=a.wav")
            answer = json.load(connection.getresponse())
            address = urllib.parse.urlsplit(answer["url"])
            port, host = address.port, address.netloc
            line = f"PUT {address.path}?{address.query}"
            fields = [f"{name}: {value}" for name, value in answer["headers"].items()]
        if kind == "form":
            opening, self.end = FORM_HEAD, FORM_TAIL
            length += len(FORM_HEAD) + len(FORM_TAIL)
            fields = [f"Content-Type: multipart/form-data; boundary={BOUNDARY}"]
        self.is_chunked = kind == "chunked"
        if self.is_chunked:
            fields, self.end = ["Transfer-Encoding: chunked"], b"0\r\n\r\n"
        else:
            fields.append(f"Content-Length: {length}")
        head = "\r\n".join([f"{line} HTTP/1.1", f"Host: {host}", *fields]) + "\r\n\r\n"
        self.wanted = b"HTTP/1.1 200" if kind == "presigned" else b"HTTP/1.1 202"
        self.pending = head.encode() + opening
        self.size = self.left = size
        self.answer = b""
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setblocking(False)

    def send(self):
        """Sends what the socket takes; true once all was sent."""
        if not self.pending and self.left:
            piece = block[: min(self.left, len(block))]
            self.left -= len(piece)
            self.pending = b"%x\r\n%s\r\n" % (len(piece), piece) if self.is_chunked else piece
        if not self.pending:
            self.pending, self.end = self.end, b""
        if self.pending:
            self.pending = self.pending[self.socket.send(self.pending):]
        return not self.pending and not self.left and not self.end


def run(port, kind, count, size, processes):
    """Sends so many songs of a size at once; the peaks of the processes in MB, and how many songs were under way together."""
    selector = selectors.DefaultSelector()
    uploads = [Upload(port, kind, f"127.0.0.1:{port}", size) for _ in range(count)]
    for upload in uploads:
        selector.register(upload.socket, selectors.EVENT_WRITE, upload)
    peaks = [0] * len(processes)
    sampled, open_uploads, at_once = 0, len(uploads), 0
    while open_uploads:
        for key, _ in selector.select(1):
            upload = key.data
            if key.events == selectors.EVENT_WRITE:
                if upload.send():
                    selector.modify(upload.socket, selectors.EVENT_READ, upload)
                continue
            upload.answer += upload.socket.recv(65536)
            if b"\r\n\r\n" in upload.answer:
                assert upload.answer.startswith(upload.wanted), upload.answer
                selector.unregister(upload.socket)
                open_uploads -= 1
        if time.monotonic() - sampled > 0.1:
            sampled = time.monotonic()
            peaks = [max(peak, resident(process)) for peak, process in zip(peaks, processes)]
            at_once = max(at_once, sum(0 < upload.left < upload.size for upload in uploads))
    return peaks, at_once


with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/tmp")) as folder:
    (storage_port, host_port) = (free_port(), free_port())
    keys = {"S3_ACCESS_KEY": "benchmark", "S3_SECRET_KEY": "benchmark", "LOG_LEVEL": "error"}
    storage = start("msaas", "storage", "--data", folder, "--port", str(storage_port), **keys)
    host = start(
        "function-host", **keys, HOST="127.0.0.1", PORT=str(host_port), FUNCTION_TARGET="upload", MSAAS_QUEUE_LIMIT="0",
        MSAAS_CONCURRENCY="1000",
        S3_ENDPOINT=f"http://127.0.0.1:{storage_port}")
    try:
        wait_for(storage_port)
        wait_for(host_port)
        create_bucket(storage_port)
        processes, failed = [host, storage], False
        plans = [(kind, arguments.uploads, arguments.megabytes) for kind in arguments.kinds.split(",")]
        for kind, count, megabytes in plans + [("form", 1, arguments.long)] * (arguments.long > 0):
            before = [resident(process) for process in processes]
            began = time.monotonic()
            peaks, at_once = run(host_port, kind, count, megabytes * 1_000_000, processes)
            seconds = time.monotonic() - began
            # An object that came in parts is a folder of them.
            songs = [file for file in pathlib.Path(folder).glob("buckets/queue/**/*") if file.is_file()]
            stored = sum(file.stat().st_size for file in songs)
            total = count * megabytes
            assert total * 1_000_000 <= stored <= total * 1_000_000 + count * 10_000, stored
            print(f"{kind}: {count} uploads of {megabytes} MB, {at_once} under way at once, "
                  f"{total / 1000:.1f} GB in {seconds:.0f} s: {total / seconds:.0f} MB/s")
            for name, start_memory, peak in zip(("function host", "storage"), before, peaks):
                too_much = f", more than {arguments.limit:.0f}" if peak > arguments.limit else ""
                failed = failed or bool(too_much)
                print(f"  {name:14} {start_memory:6.0f} MB before, {peak:6.0f} MB at most{too_much}", flush=True)
            for file in songs:
                file.unlink(missing_ok=True)
    finally:
        for process in (host, storage):
            process.terminate()
            process.wait()
sys.exit(failed)
