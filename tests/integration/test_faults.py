"""A disk that is full, read-only or damaged: an error that says so, and the rest goes on serving.

The small disk is a tmpfs, the one that turns read-only an ext4 of its own, and both need root;
without it limits on the size of files stand for them."""

import os
import resource
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from support import BINARY, Service

FRUIT = ["apples are red", "pears are green", "bananas are yellow"]
FILE_BYTES_MAX = 3 << 20


def documents(texts):
    return [{"text": text} for text in texts]


def page_of(number, size=64):
    """Documents of some 200 kB that no other page has."""
    return [{"text": f"page {number} row {row} " + os.urandom(1500).hex()} for row in range(size)]


class Disk:
    """A folder on a disk of a few MiB; where that cannot be had, a limit on a file's size."""

    def __init__(self, mebibytes):
        self.path = Path(tempfile.mkdtemp(prefix="rage-disk-"))
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(self.path)],
            capture_output=True)
        self.mounted = mounted.returncode == 0

    def remount(self, mode):
        subprocess.run(["mount", "-o", f"remount,{mode}", str(self.path)], check=True)

    def close(self):
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.path)], check=True)
        shutil.rmtree(self.path, ignore_errors=True)


class AbortedDisk:
    """A folder on an ext4 of its own, which turns read-only under open files as a failing disk."""

    def __init__(self, mebibytes):
        self.path = Path(tempfile.mkdtemp(prefix="rage-disk-"))
        self.image = self.path.with_suffix(".img")
        self.image.write_bytes(b"")
        os.truncate(self.image, mebibytes << 20)
        self.mounted = self.run("mkfs.ext4", "-q", self.image) and self.mount()

    def run(self, *words):
        try:
            return subprocess.run([*map(str, words)], capture_output=True).returncode == 0
        except FileNotFoundError:
            return False

    def mount(self):
        return self.run("mount", "-o", "loop", self.image, self.path)

    def abort(self):
        if not self.run("mount", "-o", "remount,abort", self.path):
            raise RuntimeError(f"{self.path} stays writable")

    def replace(self):
        """Another disk with what the first one had, as after a repair."""
        self.run("umount", self.path)
        self.run("e2fsck", "-fy", self.image)
        self.mounted = self.mount()

    def close(self):
        if self.mounted:
            self.run("umount", "-l", self.path)
        shutil.rmtree(self.path, ignore_errors=True)
        self.image.unlink()


def limit_files():
    """In the child: writes past the limit fail instead of ending it."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, FILE_BYTES_MAX))


class FaultsTest(unittest.TestCase):
    def start(self, data, **options):
        service = Service(data, "--answers", "extractive", embedder="hashing", **options)
        self.addCleanup(self.end, service)
        return service

    def end(self, service):
        if service.process.poll() is None:
            self.assertEqual(service.stop(), 0, service.log[-4000:])

    def folder(self):
        path = tempfile.mkdtemp(prefix="rage-faults-")
        self.addCleanup(shutil.rmtree, path, True)
        return Path(path)

    def first_hit(self, service, index, query):
        status, reply = service.call("POST", "/retrieve", {"index_name": index, "query": query})
        self.assertEqual(status, 200, reply)
        return reply["results"][0]["text"]

    def database(self, data, index):
        return Path(data) / "indexes" / f"index-{index}" / "collection.db"


class FullDisk(FaultsTest):
    def test_what_does_not_fit_is_refused_whole_and_the_rest_serves(self):
        disk = Disk(6)
        self.addCleanup(disk.close)
        before = None if disk.mounted else limit_files
        service = self.start(disk.path, preexec_fn=before)
        self.assertEqual(service.index("fruit", documents(FRUIT))[0], 200)
        stored = set()
        for number in range(40):
            page = page_of(number)
            status, reply = service.index("large", page)
            if status != 200:
                break
            stored.update(document["text"] for document in page)
        self.assertEqual(status, 503, reply)
        self.assertIn("Nothing was stored", reply["detail"])
        self.assertTrue(stored)
        self.assertEqual(service.texts("large"), stored)  # Each request whole, or not at all.
        self.assertEqual(self.first_hit(service, "fruit", FRUIT[0]), FRUIT[0])
        self.assertEqual(service.call("GET", "/readyz")[0], 200)
        told = subprocess.run([BINARY, "backup", "--all", disk.path / "backup.tar", "--data",
                               disk.path], capture_output=True, text=True, preexec_fn=before)
        self.assertEqual(told.returncode, 1)
        self.assertEqual([p.name for p in disk.path.iterdir() if p.name != "indexes"], [])

        # Room again: it goes on without a restart.
        self.assertEqual(service.call("DELETE", "/indexes/large")[0], 200)
        self.assertEqual(service.index("fruit", documents(["a fourth"]))[0], 200)
        self.end(service)
        again = self.start(disk.path)
        self.assertEqual(again.texts("fruit"), {*FRUIT, "a fourth"})

    def test_a_read_only_directory_is_said_at_the_start(self):
        disk = Disk(4)
        self.addCleanup(disk.close)
        if not disk.mounted:
            self.skipTest("a read-only disk needs a mount, and that needs root")
        disk.remount("ro")
        told = subprocess.run([BINARY, "rag", "--port", "0", "--embedder", "hashing", "--data",
                               str(disk.path)], capture_output=True, text=True, timeout=60)
        self.assertEqual(told.returncode, 1)
        self.assertRegex(told.stderr, "(?i)read-only")


class DiskThatTurnsReadOnly(FaultsTest):
    """While the service runs: what cannot be stored is refused, and what is there serves."""

    def filled(self, data, **options):
        service = self.start(data, **options)
        self.assertEqual(service.index("fruit", documents(FRUIT))[0], 200)
        self.assertEqual(service.index("other", documents(["stays"]))[0], 200)
        return service, service.call("GET", "/indexes/fruit/documents")[1]["documents"]

    def check_refusals(self, service, rows):
        gone = {"doc_ids": [row["doc_id"] for row in rows]}
        update = {"documents": [{"doc_id": rows[0]["doc_id"], "text": "plums are blue"}]}
        for what, (status, reply) in {
            "append": service.index("fruit", documents(["a fourth"])),
            "create": service.index("new", documents(["a first"])),
            "update": service.call("POST", "/indexes/fruit/documents", update),
            "delete": service.call("POST", "/indexes/fruit/documents/delete", gone),
            "settings": service.call("PUT", "/indexes/fruit/settings", {"grounding_mode": "off"}),
            "persist": service.call("POST", "/persist/fruit"),
        }.items():
            self.assertEqual(status, 503, (what, reply))
            self.assertIn("disk", reply["detail"], what)
        self.check_content(service)
        self.assertEqual(service.call("GET", "/indexes")[1], ["fruit", "other"])
        self.assertEqual(service.call("GET", "/readyz")[0], 200)
        self.assertIsNone(service.call("GET", "/indexes/fruit/settings")[1]["grounding_mode"])

    def check_content(self, service):
        self.assertEqual(service.texts("fruit"), set(FRUIT))
        for text in FRUIT:
            self.assertEqual(self.first_hit(service, "fruit", text), text)
        self.assertEqual(service.texts("other"), {"stays"})

    def test_of_a_disk_that_fails(self):
        disk = AbortedDisk(32)
        self.addCleanup(disk.close)
        if not disk.mounted:
            self.skipTest("a disk of its own needs root, mkfs.ext4 and a loop device")
        service, rows = self.filled(disk.path)
        disk.abort()
        status, reply = service.call("DELETE", "/indexes/other")
        self.assertEqual(status, 503, reply)
        self.assertIn("Read-only file system", reply["detail"])
        self.check_refusals(service, rows)
        self.end(service)
        disk.replace()
        service = self.start(disk.path)
        self.check_content(service)
        self.assertEqual(service.index("fruit", documents(["a fourth"]))[0], 200)

    def test_without_rights_to_grow_a_file(self):
        service, rows = self.filled(
            self.folder(), preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
        no_end = resource.RLIM_INFINITY
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (0, no_end))
        self.check_refusals(service, rows)
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (no_end, no_end))
        self.check_content(service)
        self.assertEqual(service.index("fruit", documents(["a fourth"]))[0], 200)  # No restart.


class Damage(FaultsTest):
    def filled(self):
        data = self.folder()
        service = self.start(data)
        self.assertEqual(service.index("fruit", documents(FRUIT))[0], 200)
        self.assertEqual(service.index("large", page_of(1))[0], 200)
        return data, service

    def damage(self, path, at, size=4096):
        with open(path, "r+b") as file:
            file.seek(at)
            file.write(b"\xa5" * size)

    def test_a_corrupt_page_costs_its_index_alone(self):
        data, service = self.filled()
        self.end(service)
        database = self.database(data, "large")
        for at in range(8192, database.stat().st_size - 4096, 16384):
            self.damage(database, at)
        service = self.start(data)
        self.assertEqual(self.first_hit(service, "fruit", FRUIT[0]), FRUIT[0])
        ready = service.call("GET", "/readyz")[1]
        self.assertEqual([entry["index"] for entry in ready["unavailable"]], ["large"])
        asked = {"index_name": "large", "query": "x"}
        for status, reply in (service.call("POST", "/retrieve", asked),
                              service.index("large", documents(["more"]))):
            self.assertEqual(status, 500)
            self.assertIn("restore it from a backup", reply["detail"])
        told = subprocess.run([BINARY, "backup", "--all", data / "all.tar", "--data", data],
                              capture_output=True, text=True)
        self.assertEqual(told.returncode, 1)  # The one that can be saved is, the other is named.
        self.assertIn("large", told.stderr)
        self.assertIn("fruit", told.stdout)

    def test_a_file_that_is_no_database_costs_its_index_alone(self):
        data, service = self.filled()
        self.end(service)
        self.damage(self.database(data, "large"), 0, 100)
        service = self.start(data)
        self.assertEqual(self.first_hit(service, "fruit", FRUIT[0]), FRUIT[0])

    def test_a_torn_copy_replaces_nothing(self):
        data, service = self.filled()
        self.assertEqual(service.call("POST", "/persist/large")[0], 200)
        copy = data / "large" / "collection.db"
        copy.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])
        before = service.texts("large")
        status, reply = service.call("POST", "/load/large?overwrite=true")
        self.assertEqual(status, 500)
        self.assertIn("damaged", reply["detail"])
        self.assertEqual(service.texts("large"), before)
        self.assertEqual(service.call("POST", "/load/new?path=large")[0], 500)
        self.assertEqual(service.call("GET", "/indexes")[1], ["fruit", "large"])

    def test_what_is_derived_is_built_anew(self):
        data, service = self.filled()
        self.end(service)
        (data / "indexes" / "index-fruit" / "dense.graph").write_bytes(b"RAGEHNSW torn")
        service = self.start(data)
        self.assertEqual(self.first_hit(service, "fruit", FRUIT[0]), FRUIT[0])


if __name__ == "__main__":
    unittest.main()
