"""A peer server in a root of its own: nothing is installed, nothing of it outlives us.

Its root is made of this system's /usr with the unpacked packages laid over it (read-only),
an /etc of a few files, and a directory on the disk as /var. It runs in PID and mount
namespaces of its own; when the one process that we started is killed, the kernel ends all
others and takes the mounts away. Needs root.
"""
import os
import shutil
import signal
import subprocess

from waiting import until

NAME = "mx.example.org"
END_SECONDS_MAX = 20

SCRIPT = """
root=$1 tree=$2 dir=$3; shift 3
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir usr etc proc dev tmp var run
chmod 1777 tmp
if [ "$tree" ]; then
    mount -t overlay -o "lowerdir=$tree/usr:/usr,ro" overlay usr
else
    mount --bind /usr usr
fi
for name in bin sbin lib lib64; do [ ! -e usr/$name ] || ln -s usr/$name $name; done
cp -a "$dir/etc/." etc
mount --bind "$dir/var" var
ln -s ../run var/run 2>/dev/null || true
for name in null zero full random urandom tty; do
    touch dev/$name
    mount --bind /dev/$name dev/$name
done
mkdir dev/shm
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t proc proc proc
if [ -d "$dir/more" ]; then
    mkdir -p opt/node_modules
    mount --rbind "$(readlink -f "$dir/more")" opt/node_modules
fi
hostname mx.example.org
chroot . "$@" &
wait
"""

PASSWD = """root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
guest:x:64110:64110:guest:/var/mail/guest:/bin/sh
"""
GROUP = "root:x:0:\nmail:x:8:\nnogroup:x:65534:\nguest:x:64110:\n"
GUEST = 64110


class Jail:
    """dir: made anew. users: {name: number}, each with a group of that name and number.
    more: a directory that is seen as /opt/node_modules."""

    def __init__(self, directory, tree, users, more=None):
        shutil.rmtree(directory, ignore_errors=True)
        self.dir, self.tree, self.process = directory, tree, None
        for name in ("root", "etc", "var/mail", "var/log", "var/spool", "var/lib", "var/tmp"):
            os.makedirs(os.path.join(directory, name))
        passwd = PASSWD + "".join(f"{n}:x:{i}:{i}:{n}:/nonexistent:/usr/sbin/nologin\n"
                                  for n, i in users.items())
        group = GROUP + "".join(f"{n}:x:{i}:\n" for n, i in users.items())
        self.write("etc/passwd", passwd)
        self.write("etc/group", group)
        self.write("etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {NAME} mx\n")
        self.write("etc/resolv.conf", "nameserver 127.0.0.1\n")  # closed: fails at once
        self.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"
                                        "services: files\nprotocols: files\n")
        self.write("etc/mailname", NAME + "\n")
        for name in ("services", "protocols"):
            if os.path.exists("/etc/" + name):
                shutil.copy("/etc/" + name, os.path.join(directory, "etc", name))
        if more:
            os.symlink(os.path.abspath(more), os.path.join(directory, "more"))
        self.folder("var/mail/guest", GUEST)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)

    def folder(self, name, owner=0, group=None, mode=0o755):
        os.makedirs(self.path(name), exist_ok=True)
        os.chown(self.path(name), owner, owner if group is None else group)
        os.chmod(self.path(name), mode)

    def start(self, command):
        with open(self.path("log"), "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL",  # should we be killed
                 "unshare", "--mount", "--pid", "--uts", "--fork", "--kill-child",
                 "sh", "-eu", "-c", SCRIPT, "jail", self.path("root"), self.tree, self.dir,
                 *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def last_words(self):
        with open(self.path("log"), encoding="utf-8", errors="replace") as f:
            lines = f.read().strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def end(self):
        """Kill the one process that we started, and see that the namespace is gone."""
        if self.process is None:
            return
        inside = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True,
                                text=True, check=False).stdout.split()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        until(lambda: not any(os.path.exists(f"/proc/{p}") for p in inside), END_SECONDS_MAX,
              "the end of a jail")
