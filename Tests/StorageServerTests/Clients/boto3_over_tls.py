"""Uploads through TLS, for only then boto3 sends bodies in chunks with trailing checksums.

Arguments: port of the storage server, access key, secret key, an empty folder for a certificate. A proxy in this process ends the
TLS and keeps what passes by.
"""
import io
import socket
import ssl
import subprocess
import sys
import threading

import boto3
import botocore.client
import urllib3

PORT, ACCESS, SECRET, FOLDER = int(sys.argv[1]), *sys.argv[2:5]
urllib3.disable_warnings()
subprocess.run(
    ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{FOLDER}/key", "-out", f"{FOLDER}/cert",
     "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
    check=True, capture_output=True)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{FOLDER}/cert", f"{FOLDER}/key")
listener = socket.create_server(("127.0.0.1", 0))
seen = bytearray()


def pump(source, target, keep):
    try:
        while data := source.recv(65536):
            if keep:
                seen.extend(data[:4096])
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve():
    while True:
        raw, _ = listener.accept()
        try:
            near = context.wrap_socket(raw, server_side=True)
        except OSError:
            continue
        far = socket.create_connection(("127.0.0.1", PORT))
        threading.Thread(target=pump, args=(near, far, True), daemon=True).start()
        threading.Thread(target=pump, args=(far, near, False), daemon=True).start()


threading.Thread(target=serve, daemon=True).start()
config = botocore.client.Config(
    signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 0})
s3 = boto3.client(
    "s3", endpoint_url=f"https://127.0.0.1:{listener.getsockname()[1]}", verify=f"{FOLDER}/cert",
    aws_access_key_id=ACCESS, aws_secret_access_key=SECRET, region_name="us-east-1", config=config)
s3.create_bucket(Bucket="bucket")
body = bytes(range(256)) * 10_000
s3.put_object(Bucket="bucket", Key="small é+", Body=b"hello", Metadata={"model": "starter"})
s3.put_object(Bucket="bucket", Key="empty", Body=b"")
s3.put_object(Bucket="bucket", Key="large", Body=io.BytesIO(body))
s3.upload_fileobj(io.BytesIO(body * 5), "bucket", "parts")
assert b"STREAMING-UNSIGNED-PAYLOAD-TRAILER" in seen and b"aws-chunked" in seen
assert s3.get_object(Bucket="bucket", Key="small é+")["Body"].read() == b"hello"
assert s3.get_object(Bucket="bucket", Key="empty")["Body"].read() == b""
assert "ContentEncoding" not in s3.head_object(Bucket="bucket", Key="small é+")
assert s3.get_object(Bucket="bucket", Key="large")["Body"].read() == body
assert s3.get_object(Bucket="bucket", Key="parts")["Body"].read() == body * 5
print("ok")
