"""Checks a message with the reference library of Standard Webhooks.

Usage: verify.py SECRET HEADERS (JSON), the body on standard input. Prints the message's type.
"""

import json
import sys

from standardwebhooks.webhooks import Webhook

print(Webhook(sys.argv[1]).verify(sys.stdin.buffer.read(), json.loads(sys.argv[2]))["type"])
