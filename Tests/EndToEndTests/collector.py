"""A trace collector: takes OTLP over HTTP as the official definitions have it and writes a line of JSON for each span.

    collector.py PORT FILE [--refuse N] [--want NAME=VALUE]

The first N requests are answered 503. A request that is no such message, or holds a field that the definitions do not have,
ends the collector.
"""

import argparse
import http.server
import json
import os

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service
from opentelemetry.proto.trace.v1 import trace_pb2

parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
parser.add_argument("file")
parser.add_argument("--refuse", type=int, default=0)
parser.add_argument("--want", default="")
arguments = parser.parse_args()


def attributes(pairs):
    values = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        assert kind, f"{pair.key} has no value"
        values[pair.key] = getattr(pair.value, kind)
    return values


def check(headers, body):
    assert headers["Content-Type"] == "application/x-protobuf", headers["Content-Type"]
    if arguments.want:
        name, value = arguments.want.split("=", 1)
        assert headers[name] == value, headers[name]
    request = service.ExportTraceServiceRequest()
    assert request.ParseFromString(body) == len(body)
    # What the definitions do not know would be lost here.
    request.DiscardUnknownFields()
    assert request.ByteSize() == len(body), MessageToDict(request)
    return request


def spans(request):
    for resource in request.resource_spans:
        source = attributes(resource.resource.attributes)
        for scope in resource.scope_spans:
            assert scope.scope.name == "msaas"
            for span in scope.spans:
                assert len(span.trace_id) == 16 and len(span.span_id) == 8 and len(span.parent_span_id) in (0, 8)
                assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano
                yield {
                    "service": source["service.name"],
                    "version": source["service.version"],
                    "trace": span.trace_id.hex(),
                    "span": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "name": span.name,
                    "kind": trace_pb2.Span.SpanKind.Name(span.kind),
                    "start": span.start_time_unix_nano,
                    "end": span.end_time_unix_nano,
                    "isError": span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
                    "message": span.status.message,
                    "attributes": {name: str(value) for name, value in attributes(span.attributes).items()},
                }


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            assert self.path == "/v1/traces", self.path
            request = check(self.headers, body)
            if arguments.refuse > 0:
                arguments.refuse -= 1
                return self.answer(503, b"")
            with open(arguments.file, "a") as file:
                for span in spans(request):
                    file.write(json.dumps(span) + "\n")
            self.answer(200, service.ExportTraceServiceResponse().SerializeToString())
        except Exception as error:  # noqa: BLE001
            with open(arguments.file, "a") as file:
                file.write(json.dumps({"fault": repr(error)}) + "\n")
            os._exit(1)

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler).serve_forever()
