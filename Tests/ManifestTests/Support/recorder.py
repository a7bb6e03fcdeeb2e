"""Passes connections on to a server as they are, and writes down the line of each HTTP request: recorder.py PORT TARGET FILE"""

import re
import socket
import sys
import threading

port, target, file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
# It may follow the last byte of a body.
line = re.compile(rb"((?:GET|HEAD|PUT|POST|DELETE) /\S* HTTP/1\.1)\r\n((?:[^\r\n]+\r\n)*)\r\n")
lock = threading.Lock()


def note(head):
    request, fields = head.group(1).decode(), head.group(2).decode().lower()
    copy = re.search(r"x-amz-copy-source: (\S+)", fields)
    with lock, open(file, "a") as out:
        out.write(request + (" copy " + copy.group(1) if copy else "") + "\n")


def carry(source, sink, record):
    seen = b""
    try:
        while data := source.recv(1 << 16):
            if record:
                seen += data
                last = 0
                for head in line.finditer(seen):
                    note(head)
                    last = head.end()
                # A head may come in pieces; a body is not kept.
                seen = seen[max(last, len(seen) - 16384) :]
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, sink):
            end.close()


listener = socket.create_server(("127.0.0.1", port), backlog=128)
while True:
    client, _ = listener.accept()
    server = socket.create_connection(("127.0.0.1", target))
    for arguments in ((client, server, True), (server, client, False)):
        threading.Thread(target=carry, args=arguments, daemon=True).start()
