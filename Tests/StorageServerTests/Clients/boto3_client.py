"""Uses a storage server as boto3 does. Arguments: endpoint, access key, secret key. Any surprise is an exception."""
import datetime
import hashlib
import sys
import types
import urllib.error
import urllib.request

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.client
import botocore.exceptions

ENDPOINT, ACCESS, SECRET = sys.argv[1:4]


def client(access=ACCESS, secret=SECRET, **options):
    config = botocore.client.Config(
        signature_version="s3v4", s3={"addressing_style": "path", **options.pop("s3", {})},
        retries={"max_attempts": 0}, **options)
    return boto3.client(
        "s3", endpoint_url=ENDPOINT, aws_access_key_id=access, aws_secret_access_key=secret,
        region_name="us-east-1", config=config)


def expect(code, call, **arguments):
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == code, (code, error.response)
        return error.response
    raise AssertionError(f"{call} did not fail with {code}")


def status(url, method="GET", data=None, headers={}):
    request = urllib.request.Request(url, method=method, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


s3 = client()
s3.create_bucket(Bucket="bucket")
expect("BucketAlreadyOwnedByYou", s3.create_bucket, Bucket="bucket")
expect("InvalidBucketName", lambda: s3.create_bucket(Bucket="UPPER"))
assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["bucket"]
assert s3.get_bucket_location(Bucket="bucket")["LocationConstraint"] is None
assert "Status" not in s3.get_bucket_versioning(Bucket="bucket")

# Keys, metadata, and every way in which boto3 sends a body.
KEYS = [
    "plain", "dir one/my song+é.mp3", "a b", "a+b", "é", "a/b/c", "a", "trailing/", "100%", "a%20b", "a&b=c?d#e",
    "\U0001F3B5", "..", "../../etc/passwd", "a/../b", "/leading", "x" * 1024, "'\"<>", "tab\tnewline\n",
]
for key in KEYS:
    body = ("body of " + key).encode()
    put = s3.put_object(
        Bucket="bucket", Key=key, Body=body, ContentType="audio/mpeg", Metadata={"model": "htdemucs", "n": "1"})
    assert put["ETag"] == '"%s"' % hashlib.md5(body).hexdigest()
    got = s3.get_object(Bucket="bucket", Key=key)
    assert got["Body"].read() == body and got["ContentType"] == "audio/mpeg", key
    assert got["Metadata"] == {"model": "htdemucs", "n": "1"}
listed = [entry["Key"] for entry in s3.list_objects_v2(Bucket="bucket")["Contents"]]
assert listed == sorted(KEYS, key=lambda key: key.encode()), listed
assert [entry["Key"] for entry in s3.list_objects(Bucket="bucket")["Contents"]] == listed
expect("KeyTooLongError", s3.put_object, Bucket="bucket", Key="x" * 1025, Body=b"")

for algorithm in ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]:
    try:
        answer = s3.put_object(Bucket="bucket", Key="sum", Body=b"123456789", ChecksumAlgorithm=algorithm)
    except botocore.exceptions.MissingDependencyException:
        continue  # needs the optional awscrt
    assert answer["Checksum" + algorithm]
expect("BadDigest", s3.put_object, Bucket="bucket", Key="sum", Body=b"123456789", ChecksumCRC32="AAAAAA==")
assert s3.put_object(Bucket="bucket", Key="sum", Body=b"123456789", ChecksumCRC64NVME="rosUhgp5mIg=")
assert s3.put_object(Bucket="bucket", Key="sum", Body=b"123456789", ChecksumCRC32C="4waSgw==")
expect("BadDigest", s3.put_object, Bucket="bucket", Key="sum", Body=b"x", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")
signed = client(s3={"payload_signing_enabled": True})
signed.put_object(Bucket="bucket", Key="signed", Body=b"signed body")
plain = client(request_checksum_calculation="when_required")
plain.put_object(Bucket="bucket", Key="plain", Body=b"plain body")


class Stream:
    """A body that cannot seek."""

    def __init__(self, data):
        self.data, self.position = data, 0

    def read(self, count=-1):
        end = len(self.data) if count is None or count < 0 else self.position + count
        part = self.data[self.position:end]
        self.position += len(part)
        return part


import io

big = bytes(range(256)) * 4 * 1024 * 12  # 12 MiB
s3.upload_fileobj(Stream(big), "bucket", "big", ExtraArgs={"Metadata": {"model": "starter"}})
head = s3.head_object(Bucket="bucket", Key="big")
assert head["ContentLength"] == len(big) and head["ETag"].endswith('-2"') and head["Metadata"] == {"model": "starter"}
target = io.BytesIO()
s3.download_fileobj("bucket", "big", target)
assert target.getvalue() == big

# Ranges and conditions.
s3.put_object(Bucket="bucket", Key="r", Body=bytes(range(100)))
tag = s3.head_object(Bucket="bucket", Key="r")["ETag"]
part = s3.get_object(Bucket="bucket", Key="r", Range="bytes=10-19")
assert part["Body"].read() == bytes(range(10, 20)) and part["ContentRange"] == "bytes 10-19/100"
assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
assert s3.get_object(Bucket="bucket", Key="r", Range="bytes=-5")["Body"].read() == bytes(range(95, 100))
assert s3.get_object(Bucket="bucket", Key="r", Range="bytes=95-")["Body"].read() == bytes(range(95, 100))
expect("InvalidRange", s3.get_object, Bucket="bucket", Key="r", Range="bytes=100-")
expect("304", s3.get_object, Bucket="bucket", Key="r", IfNoneMatch=tag)
expect("PreconditionFailed", s3.get_object, Bucket="bucket", Key="r", IfMatch='"other"')
future = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
expect("304", s3.get_object, Bucket="bucket", Key="r", IfModifiedSince=future)
expect("PreconditionFailed", s3.put_object, Bucket="bucket", Key="r", Body=b"", IfNoneMatch="*")
assert s3.get_object(Bucket="bucket", Key="r", IfMatch=tag)["Body"].read() == bytes(range(100))

# Uploads in parts.
upload = s3.create_multipart_upload(Bucket="bucket", Key="parts", Metadata={"a": "b"})["UploadId"]
five = b"x" * (5 << 20)
first = s3.upload_part(Bucket="bucket", Key="parts", UploadId=upload, PartNumber=1, Body=five)["ETag"]
s3.upload_part(Bucket="bucket", Key="parts", UploadId=upload, PartNumber=2, Body=b"wrong")
second = s3.upload_part(Bucket="bucket", Key="parts", UploadId=upload, PartNumber=2, Body=b"end")["ETag"]
parts = s3.list_parts(Bucket="bucket", Key="parts", UploadId=upload)["Parts"]
assert [(part["PartNumber"], part["Size"], part["ETag"]) for part in parts] == [(1, 5 << 20, first), (2, 3, second)]
uploads = s3.list_multipart_uploads(Bucket="bucket")["Uploads"]
assert [(entry["Key"], entry["UploadId"]) for entry in uploads] == [("parts", upload)]


def complete(*pairs):
    return s3.complete_multipart_upload(
        Bucket="bucket", Key="parts", UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in pairs]})


expect("InvalidPart", lambda: complete((1, first), (2, '"wrong"')))
expect("InvalidPart", lambda: complete((1, first), (3, second)))
expect("InvalidPartOrder", lambda: complete((2, second), (1, first)))
expect("NoSuchKey", s3.get_object, Bucket="bucket", Key="parts")
done = complete((1, first), (2, second))
digest = hashlib.md5(bytes.fromhex(first.strip('"')) + bytes.fromhex(second.strip('"'))).hexdigest()
assert done["ETag"].strip('"') == digest + "-2", done
assert s3.get_object(Bucket="bucket", Key="parts")["Body"].read() == five + b"end"
assert s3.get_object(Bucket="bucket", Key="parts", Range=f"bytes={(5 << 20) - 2}-")["Body"].read() == b"xxend"
expect("NoSuchUpload", lambda: complete((1, first)))
upload = s3.create_multipart_upload(Bucket="bucket", Key="small")["UploadId"]
tags = [
    s3.upload_part(Bucket="bucket", Key="small", UploadId=upload, PartNumber=number, Body=b"x")["ETag"]
    for number in (1, 2)]
expect("EntityTooSmall", s3.complete_multipart_upload, Bucket="bucket", Key="small", UploadId=upload, MultipartUpload={
    "Parts": [{"PartNumber": 1, "ETag": tags[0]}, {"PartNumber": 2, "ETag": tags[1]}]})
s3.abort_multipart_upload(Bucket="bucket", Key="small", UploadId=upload)
expect("NoSuchUpload", s3.list_parts, Bucket="bucket", Key="small", UploadId=upload)

# Copies.
s3.copy_object(Bucket="bucket", Key="copy é+", CopySource={"Bucket": "bucket", "Key": "dir one/my song+é.mp3"})
copied = s3.get_object(Bucket="bucket", Key="copy é+")
assert copied["Body"].read() == "body of dir one/my song+é.mp3".encode() and copied["Metadata"]["model"] == "htdemucs"
s3.copy_object(
    Bucket="bucket", Key="copy é+", CopySource="bucket/copy é+", MetadataDirective="REPLACE",
    Metadata={"new": "1"})
assert s3.head_object(Bucket="bucket", Key="copy é+")["Metadata"] == {"new": "1"}
expect("InvalidRequest", s3.copy_object, Bucket="bucket", Key="r", CopySource="bucket/r")
expect("NoSuchKey", s3.copy_object, Bucket="bucket", Key="r", CopySource="bucket/none")
expect("PreconditionFailed", s3.copy_object, Bucket="bucket", Key="x", CopySource="bucket/r", CopySourceIfMatch='"x"')
expect("PreconditionFailed", s3.copy_object, Bucket="bucket", Key="x", CopySource="bucket/r", CopySourceIfNoneMatch=tag)
expect("PreconditionFailed", s3.copy_object, Bucket="bucket", Key="x", CopySource="bucket/r",
       CopySourceIfModifiedSince=future)
s3.delete_object(Bucket="bucket", Key="dir one/my song+é.mp3")
assert s3.get_object(Bucket="bucket", Key="copy é+")["Body"].read()

# Listing.
for number in range(25):
    s3.put_object(Bucket="bucket", Key=f"list/ä {number:02}+", Body=b"x")
pages = list(s3.get_paginator("list_objects_v2").paginate(
    Bucket="bucket", Prefix="list/", PaginationConfig={"PageSize": 10}))
assert [len(page["Contents"]) for page in pages] == [10, 10, 5]
expected = [f"list/ä {number:02}+" for number in range(25)]
assert [entry["Key"] for page in pages for entry in page["Contents"]] == expected
old = list(s3.get_paginator("list_objects").paginate(
    Bucket="bucket", Prefix="list/", PaginationConfig={"PageSize": 10}))
assert [entry["Key"] for page in old for entry in page["Contents"]] == expected
folders = s3.list_objects_v2(Bucket="bucket", Prefix="a/", Delimiter="/")
assert [entry["Prefix"] for entry in folders["CommonPrefixes"]] == ["a/../", "a/b/"], folders
one = list(s3.get_paginator("list_objects_v2").paginate(
    Bucket="bucket", Delimiter="/", PaginationConfig={"PageSize": 1}))
names = [entry.get("Key") or entry["Prefix"] for page in one
         for entry in page.get("Contents", []) + page.get("CommonPrefixes", [])]
assert len(names) == len(set(names)) and "list/" in names and "r" in names, names
after = s3.list_objects_v2(Bucket="bucket", Prefix="list/", StartAfter="list/ä 22+")
assert [entry["Key"] for entry in after["Contents"]] == ["list/ä 23+", "list/ä 24+"]

# Who may do what.
expect("SignatureDoesNotMatch", client(secret="wrong").get_object, Bucket="bucket", Key="r")
expect("InvalidAccessKeyId", client(access="nobody").get_object, Bucket="bucket", Key="r")
expect("SignatureDoesNotMatch", client(secret="wrong").put_object, Bucket="bucket", Key="r", Body=b"evil")
assert status(f"{ENDPOINT}/bucket/r")[0] == 403
assert b"<Code>AccessDenied</Code>" in status(f"{ENDPOINT}/bucket/r")[1]


def presign(method, seconds, skew=0, **parameters):
    """A presigned address as if it had been made `skew` seconds ago."""
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) - datetime.timedelta(seconds=skew)

    class Clock(datetime.datetime):
        @classmethod
        def utcnow(cls):
            return now

        @classmethod
        def now(cls, tz=None):
            return now.replace(tzinfo=tz)

    module = botocore.auth.datetime
    compatible = getattr(botocore.auth, "get_current_datetime", None)
    if hasattr(module, "datetime"):
        botocore.auth.datetime = types.SimpleNamespace(
            datetime=Clock, timezone=datetime.timezone, timedelta=datetime.timedelta)
    else:
        botocore.auth.datetime = Clock
    if compatible:
        botocore.auth.get_current_datetime = lambda remove_tzinfo=True: now
    try:
        return s3.generate_presigned_url(method, Params={"Bucket": "bucket", **parameters}, ExpiresIn=seconds)
    finally:
        botocore.auth.datetime = module
        if compatible:
            botocore.auth.get_current_datetime = compatible


assert status(presign("get_object", 60, Key="r")) == (200, bytes(range(100)))
assert status(presign("get_object", 60, Key="copy é+"))[0] == 200
assert status(presign("put_object", 60, Key="new é+"), "PUT", b"put")[0] == 200
assert s3.get_object(Bucket="bucket", Key="new é+")["Body"].read() == b"put"
code, text = status(presign("get_object", 60, skew=61, Key="r"))
assert code == 403 and b"<Message>Request has expired</Message>" in text, text
code, text = status(presign("get_object", 60, skew=-3600, Key="r"))
assert code == 403 and b"not valid yet" in text, text
code, text = status(presign("get_object", 60, Key="r").replace("/r?", "/plain?"))
assert code == 403 and b"SignatureDoesNotMatch" in text, text
code, text = status(presign("get_object", 60, Key="r").replace("X-Amz-Expires=60", "X-Amz-Expires=6000"))
assert code == 403 and b"SignatureDoesNotMatch" in text, text
code, text = status(presign("get_object", 604801, Key="r"))
assert code == 400 and b"AuthorizationQueryParametersError" in text, text
code, text = status(presign("put_object", 60, Key="r"), "PUT", b"x", {"x-amz-meta-model": "evil"})
assert code == 403 and b"not signed" in text, text
assert status(presign("get_object", 60, Key="r"), "DELETE")[0] == 403

# Requests whose clock is wrong.
request = botocore.awsrequest.AWSRequest(method="GET", url=f"{ENDPOINT}/bucket/r", headers={
    "x-amz-content-sha256": hashlib.sha256(b"").hexdigest()})
signer = botocore.auth.S3SigV4Auth(s3._request_signer._credentials, "s3", "us-east-1")
signer.add_auth(request)
stamp = request.headers["X-Amz-Date"]
assert status(f"{ENDPOINT}/bucket/r", headers=dict(request.headers))[0] == 200
assert stamp[:8] in request.headers["Authorization"]

# Deletes.
expect("BucketNotEmpty", s3.delete_bucket, Bucket="bucket")
answer = s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "tab\tnewline\n"}, {"Key": "missing"}]})
assert {entry["Key"] for entry in answer["Deleted"]} == {"tab\tnewline\n", "missing"} and "Errors" not in answer
expect("404", s3.head_object, Bucket="bucket", Key="tab\tnewline\n")
while entries := s3.list_objects_v2(Bucket="bucket").get("Contents"):
    for entry in entries:
        s3.delete_object(Bucket="bucket", Key=entry["Key"])
s3.delete_object(Bucket="bucket", Key="never")
s3.delete_bucket(Bucket="bucket")
expect("NoSuchBucket", s3.list_objects_v2, Bucket="bucket")
print("ok")
