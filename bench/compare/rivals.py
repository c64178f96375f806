"""The newest rivals: Redis 8 and Valkey 8.1, as Debian 13 packages them.

On Debian 13 they are the machine's own. Elsewhere they come from a bare root of Debian 13 (`./dev` makes one in
build/rivals) and run with that root's libraries, without a chroot. Both are in the tools' packages, as the program that
checks files and becomes the server when it is called by that name; so no package is needed that would start a server.
"""

import glob
import os
import shutil
import subprocess

from servers import Redis


class Rival(Redis):
    """Rewrites its log when it wants to, as it does by default."""

    rewrites = True
    prefix = None  # the words before the flags, where it does not run by its name alone

    def program(self):
        return None if self.prefix else super().program()

    def command(self):
        words = super().command()
        return [*self.prefix, *words[1:]] if self.prefix else words


class Redis7(Rival):
    name = "redis 7.0"


class Redis8(Rival):
    name = "redis 8.0"


class Valkey(Rival):
    name = "valkey 8.1"


NEWEST = ((Redis8, "redis-server", "redis-check-rdb"), (Valkey, "valkey-server", "valkey-check-rdb"))


def find(root):
    """The classes of those that are there, the machine's own redis-server first."""
    found = []
    own = Redis7.version()
    if own and own.startswith("7."):
        found.append(Redis7)
    for kind, name, program in NEWEST:
        prefix = in_root(root, name, program) or on_machine(name, program)
        if prefix:
            kind.prefix = prefix
            found.append(kind)
    return found


def in_root(root, name, program):
    loaders = glob.glob(os.path.join(root, "usr/lib*/ld-linux*.so.*")) if root else []
    path = os.path.join(root or "", "usr/bin", program)
    if not loaders or not os.path.exists(path):
        return None
    libraries = os.path.dirname(glob.glob(os.path.join(root, "usr/lib/*/libc.so.6"))[0])
    return [loaders[0], "--library-path", libraries, "--argv0", name, path]


def on_machine(name, program):
    """Only where it is one of the newest."""
    path = shutil.which(name) or shutil.which(program)
    if not path:
        return None
    version = subprocess.run([name, "--version"], executable=path, capture_output=True, text=True, check=False).stdout
    return ["env", "--argv0", name, path] if " v=8." in version else None
