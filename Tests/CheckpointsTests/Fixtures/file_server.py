#!/usr/bin/env python3
"""Serve a folder's files over HTTP, with the faults that downloads meet.

    file_server.py PORT FOLDER

The first part of a path says how the file (the last part) is served:

ok           as it is, ranges honoured
cut-N        every answer ends after N bytes: the connection is closed
plain        ranges ignored
plain-cut-N  ranges ignored, the first answer ends after N bytes
busy-N       the first N requests are answered 503
elsewhere    redirected to ok
shifted      a range that begins one byte late
flipped      the last byte is wrong

``GET /requests`` answers the list of requests so far as JSON: path, range.
"""
import http.server
import json
import re
import sys
from pathlib import Path

FOLDER = Path(sys.argv[2])
REQUESTS = []


class Handler(http.server.BaseHTTPRequestHandler):
    """One request a connection."""

    def do_GET(self):
        if self.path == "/requests":
            return self.answer(200, json.dumps(REQUESTS).encode())
        mode, name = self.path.strip("/").split("/")[0], Path(self.path).name
        asked = self.headers.get("Range")
        seen = sum(request["path"] == self.path for request in REQUESTS)
        REQUESTS.append({"path": self.path, "range": asked})
        file = FOLDER / name
        if not file.is_file():
            return self.answer(404, b"")
        if mode == "elsewhere":
            return self.answer(302, b"", Location=self.path.replace("/elsewhere/", "/ok/"))
        words = mode.split("-")
        number = int(words[-1]) if words[-1].isdigit() else None
        if words[0] == "busy" and seen < number:
            return self.answer(503, b"busy")
        data = file.read_bytes()
        if mode == "flipped":
            data = data[:-1] + bytes([data[-1] ^ 1])
        limit = number if "cut" in words and not ("plain" in words and seen) else None
        match = re.fullmatch(r"bytes=(\d+)-", asked or "")
        if not match or "plain" in words:
            return self.answer(200, data, limit)
        start = int(match[1]) + (mode == "shifted")
        if start >= len(data):
            return self.answer(416, b"", **{"Content-Range": f"bytes */{len(data)}"})
        self.answer(206, data[start:], limit, **{"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"})

    def answer(self, status, body, limit=None, **headers):
        """Send an answer, of which no more than ``limit`` bytes come through."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "Connection": "close", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:limit])
        self.close_connection = True

    def log_message(self, *_):
        """Say nothing."""


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
