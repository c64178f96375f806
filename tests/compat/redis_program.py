"""Where the server is that minikv is compared with."""

import shutil


def redis_program():
    """Debian has the server in its redis-tools, as the program that checks files and that becomes the server when it is
    called by that name. So no package is needed that would start a server of the machine."""
    for name in ("redis-server", "redis-check-rdb"):
        if shutil.which(name):
            return shutil.which(name)
    raise RuntimeError("redis-server is not installed: ./dev setup test")
