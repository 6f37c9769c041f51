"""Runs a command beside a fresh PostgreSQL with pgvector, whose address is in RAGE_TEST_POSTGRES.

usage: postgres.py INSTALLATION COMMAND...

The server listens on a socket in a folder of its own and on nothing else; both are gone afterwards.
It refuses to run as root: then it runs as "nobody", from a copy of the installation.
"""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SETTINGS = ['fsync=off', 'max_connections=20', 'shared_buffers=32MB', 'listen_addresses=']


def as_server_user(root):
    return ['runuser', '-u', 'nobody', '--'] if root else []


def prepare(installation, folder):
    """Where the programs are, readable by whoever runs the server."""
    if os.geteuid() != 0:
        return installation
    copy = folder / 'postgres'
    shutil.copytree(installation, copy, ignore=shutil.ignore_patterns('licenses'))
    folder.chmod(0o755)
    return copy


def main(installation, command):
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory(prefix='rage-pg-') as name:
        folder = Path(name)
        programs = prepare(Path(installation), folder) / 'bin'
        data = folder / 'data'
        data.mkdir()
        if root:
            shutil.chown(data, 'nobody')
        run = as_server_user(root)
        environment = {**os.environ, 'LC_ALL': 'C.UTF-8',
                       'LD_LIBRARY_PATH': str(programs.parent / 'lib')}
        initdb = [*run, programs / 'initdb', '-D', data / 'db', '-U', 'rage', '-A', 'trust', '-N']
        subprocess.run(initdb, check=True, env=environment, stdout=subprocess.DEVNULL)
        settings = [part for setting in [*SETTINGS, f'unix_socket_directories={data}']
                    for part in ('-c', setting)]
        with open(folder / 'log', 'wb') as log:
            server = subprocess.Popen([*run, programs / 'postgres', '-D', data / 'db', *settings],
                                      env=environment, stdout=log, stderr=log)
        try:
            ready = [*run, programs / 'pg_isready', '-q', '-h', data, '-U', 'rage']
            while subprocess.run(ready, env=environment).returncode != 0:
                if server.poll() is not None:
                    sys.exit(f"PostgreSQL did not start:\n{(folder / 'log').read_text()}")
            address = f'host={data} user=rage dbname=postgres'
            command_environment = {**os.environ, 'RAGE_TEST_POSTGRES': address}
            return subprocess.run(command, env=command_environment).returncode
        finally:
            server.terminate()
            server.wait(30)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2:]))
