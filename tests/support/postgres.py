"""A fresh PostgreSQL with pgvector, for tests.

As a program it runs a command beside one, whose address is in RAGE_TEST_POSTGRES:

usage: postgres.py INSTALLATION COMMAND...

The server listens on a socket in a folder of its own and on nothing else; both are gone afterwards.
It refuses to run as root: then it runs as "nobody", from a copy of the installation.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Nothing here crashes but processes: what they wrote the kernel keeps, without fsync.
SETTINGS = ['fsync=off', 'max_connections=40', 'shared_buffers=32MB', 'listen_addresses=']


class Postgres:
    """A server in a folder of its own; start() again after kill() gets the same data."""

    def __init__(self, installation):
        root = os.geteuid() == 0
        self.folder = Path(tempfile.mkdtemp(prefix='rage-pg-'))
        self.run = ['runuser', '-u', 'nobody', '--'] if root else []
        self.programs = self._prepare(Path(installation), root) / 'bin'
        self.data = self.folder / 'data'
        self.data.mkdir()
        if root:
            shutil.chown(self.data, 'nobody')
        self.environment = {**os.environ, 'LC_ALL': 'C.UTF-8',
                            'LD_LIBRARY_PATH': str(self.programs.parent / 'lib')}
        self.address = f'host={self.data} user=rage dbname=postgres'
        initdb = [*self.run, self.programs / 'initdb', '-D', self.data / 'db', '-U', 'rage',
                  '-A', 'trust', '-N']
        subprocess.run(initdb, check=True, env=self.environment, stdout=subprocess.DEVNULL)
        self.start()

    def _prepare(self, installation, root):
        """Where the programs are, readable by whoever runs the server."""
        if not root:
            return installation
        copy = self.folder / 'postgres'
        shutil.copytree(installation, copy, ignore=shutil.ignore_patterns('licenses'))
        self.folder.chmod(0o755)
        return copy

    def start(self):
        until = time.monotonic() + 20
        while not self._try_start():
            # After kill(), processes of the old server may hold its memory for a moment.
            if time.monotonic() > until:
                log = (self.folder / 'log').read_text()
                raise RuntimeError('PostgreSQL did not start:\n' + log)
            time.sleep(0.1)

    def _try_start(self):
        settings = [part for setting in [*SETTINGS, f'unix_socket_directories={self.data}']
                    for part in ('-c', setting)]
        with open(self.folder / 'log', 'ab') as log:
            self.server = subprocess.Popen(
                [*self.run, self.programs / 'postgres', '-D', self.data / 'db', *settings],
                env=self.environment, stdout=log, stderr=log)
        ready = [*self.run, self.programs / 'pg_isready', '-q', '-h', self.data, '-U', 'rage']
        while subprocess.run(ready, env=self.environment).returncode != 0:
            if self.server.poll() is not None:
                return False
            time.sleep(0.05)
        return True

    def kill(self):
        """kill -9 of the server; its own processes notice and end."""
        os.kill(int((self.data / 'db/postmaster.pid').read_text().split()[0]), signal.SIGKILL)
        self.server.wait(30)

    def stop(self):
        if self.server.poll() is None:
            self.server.terminate()
            self.server.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


def main(installation, command):
    postgres = Postgres(installation)
    try:
        environment = {**os.environ, 'RAGE_TEST_POSTGRES': postgres.address}
        return subprocess.run(command, env=environment).returncode
    finally:
        postgres.stop()


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2:]))
