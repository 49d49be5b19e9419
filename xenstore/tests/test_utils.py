"""The daemon on a UNIX socket, asked by command line tools: Debian's, which use Debian's own libxenstore, and ours."""
import os
import shutil
import socket as sockets
import subprocess
import tempfile
import threading

import pytest

DAEMON = os.environ["XENSTORED"]
OURS = os.environ.get("XENSTORE_TOOL")  # our multi-call program
SHIM = os.environ.get("SHIM_FOLDER")  # with our libxenstore.so.4


class Tools:
    """Debian's programs; with `library`, run on the libxenstore.so.4 in that folder."""

    def __init__(self, socket, library=None):
        self.env = dict(os.environ, XENSTORED_PATH=socket)
        self.env.pop("LD_LIBRARY_PATH", None)
        if library:
            self.env["LD_LIBRARY_PATH"] = library

    def command(self, name):
        return ["/usr/bin/xenstore-" + name]

    def start(self, name, *args):
        return subprocess.Popen(self.command(name) + list(args), env=self.env, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def run(self, name, *args):
        p = self.start(name, *args)
        out, _ = p.communicate(timeout=20)
        return p.returncode, out

    def ok(self, name, *args):
        status, out = self.run(name, *args)
        assert status == 0, (name, args, out)
        return out


class OurTools(Tools):
    def command(self, name):
        return [OURS, name]


def kinds():
    yield "debian"
    if SHIM:
        yield "debian-on-our-library"
    if OURS:
        yield "ours"


@pytest.fixture
def daemon():
    folder = tempfile.mkdtemp(prefix="xenstored.")
    socket = os.path.join(folder, "socket")
    notify = os.path.join(folder, "notify")
    ready = sockets.socket(sockets.AF_UNIX, sockets.SOCK_DGRAM)
    ready.bind(notify)
    ready.settimeout(20)
    p = subprocess.Popen([DAEMON, "--no-hypervisor", "--socket", socket], env=dict(os.environ, NOTIFY_SOCKET=notify))
    assert b"READY=1" in ready.recv(1000)
    yield socket
    p.terminate()
    assert p.wait(timeout=20) == 0
    shutil.rmtree(folder)
    ready.close()


@pytest.fixture(params=list(kinds()))
def tools(request, daemon):
    if request.param == "ours":
        return OurTools(daemon)
    return Tools(daemon, SHIM if request.param == "debian-on-our-library" else None)


def test_write_and_read(tools):
    tools.ok("write", "/a/b", "value", "/a/c", "other")
    assert tools.ok("read", "/a/b") == "value\n"
    assert tools.ok("read", "/a/b", "/a/c") == "value\nother\n"
    assert sorted(tools.ok("list", "/a").split()) == ["b", "c"]


def test_missing_is_an_error(tools):
    for name in "read", "list":
        status, out = tools.run(name, "/nowhere/x")
        assert status != 0 and "/nowhere/x" in out
    assert tools.run("write", "/a//b", "x")[0] != 0


def test_remove(tools):
    tools.ok("write", "/a/b/c", "1")
    tools.ok("rm", "/a/b")
    assert tools.run("read", "/a/b/c")[0] != 0
    assert tools.ok("list", "/a").split() == []


def test_tree(tools):
    tools.ok("write", "/x/one", "1", "/x/two", "2", "/x/two/deep", "3")
    assert tools.ok("ls", "/x") == 'one = "1"\ntwo = "2"\n deep = "3"\n'
    out = tools.ok("ls", "-p", "/x")
    assert "(n0)" in out and 'deep = "3"' in out
    assert tools.ok("ls", "-f", "/x").splitlines()[2].startswith("/x/two/deep")


def test_permissions(tools):
    tools.ok("write", "/p", "1")
    tools.ok("chmod", "/p", "r3", "b7")
    assert "(r3,b7)" in tools.ok("ls", "-p", "/").replace(" ", "")


def test_watch(tools):
    p = tools.start("watch", "-n", "3", "/w")
    lines = [p.stdout.readline()]  # the first one comes by itself
    tools.ok("write", "/w/a", "1")
    lines.append(p.stdout.readline())
    tools.ok("rm", "/w")
    lines.append(p.stdout.readline())
    assert p.wait(timeout=20) == 0
    assert [line.strip() for line in lines] == ["/w", "/w/a", "/w"]


def test_large_directory(tools):
    names = ["child-%04d-with-a-rather-long-name" % i for i in range(300)]
    for part in range(0, 300, 50):
        tools.ok("write", *[word for name in names[part:part + 50] for word in ("/big/" + name, "v")])
    assert sorted(tools.ok("list", "/big").split()) == names


def test_many_clients_at_once(tools):
    def work(i):
        for j in range(5):
            tools.ok("write", f"/many/{i}/{j}", str(i * j))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(tools.ok("list", "/many").split()) == 6
    assert tools.ok("read", "/many/5/4") == "20\n"


@pytest.mark.parametrize("library", [None, SHIM], ids=["debian", "ours"])
def test_program_built_on_debian(daemon, library):
    tools = Tools(daemon, library)
    p = subprocess.run([os.environ["CLIENT_PROGRAM"]], env=tools.env, capture_output=True, text=True, timeout=60)
    assert p.returncode == 0, p.stderr
    used = subprocess.run(["ldd", os.environ["CLIENT_PROGRAM"]], env=tools.env, capture_output=True, text=True).stdout
    assert (SHIM in used) == (library is not None)
