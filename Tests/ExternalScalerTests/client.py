"""Asks an external scaler as KEDA does, with gRPC's own client, and prints each answer as a line of JSON.

    client.py HOST:PORT CALL [NAME=VALUE…] [--object NAME] [--metric NAME] [--ca FILE] [--noise COUNT]

NAME=VALUE is the trigger's metadata. An error is printed as its code and its sentence. With --noise the call is made COUNT times with
bytes that are no message or a mangled one, and the codes that come back are counted.
"""

import argparse
import collections
import json
import os
import random
import sys

import grpc
from google.protobuf.json_format import MessageToDict

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
messages, services = grpc.protos_and_services("scaler.proto")

parser = argparse.ArgumentParser()
parser.add_argument("address")
parser.add_argument("call")
parser.add_argument("metadata", nargs="*")
parser.add_argument("--object", default="worker")
parser.add_argument("--metric", default="workers")
parser.add_argument("--ca")
parser.add_argument("--noise", type=int, default=0)
arguments = parser.parse_args()


def channel():
    if not arguments.ca:
        return grpc.insecure_channel(arguments.address)
    with open(arguments.ca, "rb") as file:
        return grpc.secure_channel(arguments.address, grpc.ssl_channel_credentials(file.read()))


def request():
    reference = messages.ScaledObjectRef(
        name=arguments.object, namespace="msaas",
        scalerMetadata=dict(pair.split("=", 1) for pair in arguments.metadata))
    if arguments.call == "GetMetrics":
        return messages.GetMetricsRequest(scaledObjectRef=reference, metricName=arguments.metric)
    return reference


def say(value):
    print(json.dumps(value, sort_keys=True), flush=True)


def answer(message):
    # What the definitions do not know would be lost here.
    size = message.ByteSize()
    message.DiscardUnknownFields()
    assert message.ByteSize() == size, message
    say(MessageToDict(message, always_print_fields_with_no_presence=True))


def noise(open_channel):
    call = open_channel.unary_unary(f"/externalscaler.ExternalScaler/{arguments.call}")
    numbers = random.Random(1)
    whole = request().SerializeToString()
    codes = collections.Counter()
    for turn in range(arguments.noise):
        if turn % 2:
            text = bytes(numbers.randrange(256) for _ in range(numbers.randrange(40)))
        else:
            mangled = bytearray(whole)
            for _ in range(numbers.randrange(1, 4)):
                mangled[numbers.randrange(len(mangled))] = numbers.randrange(256)
            text = bytes(mangled[: numbers.randrange(len(mangled) + 1)])
        try:
            call(text, timeout=30)
            codes["OK"] += 1
        except grpc.RpcError as error:
            codes[error.code().name] += 1
    say(codes)


with channel() as open_channel:
    stub = services.ExternalScalerStub(open_channel)
    try:
        if arguments.noise:
            noise(open_channel)
        elif arguments.call.startswith("Stream"):
            for message in getattr(stub, arguments.call)(request()):
                answer(message)
        else:
            answer(getattr(stub, arguments.call)(request(), timeout=30))
    except grpc.RpcError as error:
        say({"code": error.code().name, "sentence": error.details()})
