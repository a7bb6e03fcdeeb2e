"""Runs moto's server on a port, until the process that started it is gone. Argument: the port."""
import os
import sys
import threading
import time

import moto.server

parent = os.getppid()


def watch():
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(0)


threading.Thread(target=watch, daemon=True).start()
moto.server.main(["-H", "127.0.0.1", "-p", sys.argv[1]])
