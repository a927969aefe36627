"""The mail servers that people run, each in a jail: unpacked by tools/peers, not installed.

Every one keeps its own idea of durability. What differs from its defaults is what would
measure something else: limits of connections are lifted, waits that slow down a fast client
and look-ups in the DNS are off, and there is no syslog.
"""
import os
import time

from jail import Jail
from servers import Server

CONNECTIONS_MAX = 21000


class Mailer(Server):
    package = ""
    users = {}
    jail = None

    @property
    def tree(self):
        return os.path.join(self.peers, self.package, "tree")

    def missing(self):
        if os.geteuid() != 0:
            return "its own root and namespaces need root"
        if not os.path.isdir(self.tree):
            return "the package could not be fetched"
        return None

    def launch(self, next_port):
        self.jail = Jail(self.dir, self.tree, self.users)
        self.prepare(next_port)
        self.began = time.monotonic()
        self.jail.start([*self.strace("/var/tmp/strace", bpf=self.name != "Exim"),
                         *self.command()])
        return self.jail.process.pid

    def ended(self):
        return self.jail.process.poll() is not None

    def end(self):
        if self.jail:
            self.jail.end()
            self.jail = None

    def last_words(self):
        return self.jail.last_words() if self.jail else ""


class Postfix(Mailer):
    name = "Postfix"
    says = "writes one queue file per message and syncs it"
    package = "postfix"
    modes = ("hold", "maildir", "relay")
    idle_max = 300  # a process for each
    users = {"postfix": 64101, "postdrop": 64102}
    queues = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
              "private", "saved", "trace")

    def prepare(self, next_port):
        of_mode = {
            "hold": "smtpd_data_restrictions = check_client_access static:HOLD\n",
            "relay": f"relayhost = [127.0.0.1]:{next_port}\n",
            "maildir": "virtual_mailbox_domains = shop.net\nvirtual_mailbox_base = /var/mail\n"
                       "virtual_mailbox_maps = static:guest/\nvirtual_uid_maps = static:64110\n"
                       "virtual_gid_maps = static:64110\n"}[self.mode]
        self.jail.write("etc/postfix/main.cf", f"""compatibility_level = 3.6
queue_directory = /var/spool/postfix
data_directory = /var/lib/postfix
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
shlib_directory = /usr/lib/postfix
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.example.org
mydestination =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
disable_dns_lookups = yes
smtpd_peername_lookup = no
in_flow_delay = 0
default_process_limit = 1000
smtpd_client_connection_count_limit = 0
{of_mode}""")
        self.jail.write("etc/postfix/master.cf", self.services())
        owner, group = self.users["postfix"], self.users["postdrop"]
        self.jail.folder("var/spool/postfix")
        self.jail.folder("var/spool/postfix/pid")
        self.jail.folder("var/lib/postfix", owner)
        for name in self.queues:
            self.jail.folder("var/spool/postfix/" + name, owner, 0, 0o700)
        self.jail.folder("var/spool/postfix/public", owner, group, 0o710)
        self.jail.folder("var/spool/postfix/maildrop", owner, group, 0o730)

    def services(self):
        plain = ("rewrite:trivial-rewrite", "smtp", "relay:smtp", "error", "retry:error",
                 "discard", "proxymap", "virtual")
        lines = [f"127.0.0.1:{self.port} inet n - n - - smtpd"]
        for pair in plain:
            name, _, program = pair.partition(":")
            rights = "n" if name == "virtual" else "-"
            lines.append(f"{name} unix - {rights} n - - {program or name}")
        lines += [f"{name} unix - - n - 0 bounce" for name in ("bounce", "defer", "trace")]
        lines += ["cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr",
                  "pickup unix n - n 60 1 pickup", "showq unix n - n - - showq",
                  "flush unix n - n 1000? 0 flush", "verify unix - - n - 1 verify",
                  "tlsmgr unix - - n 1000? 1 tlsmgr", "anvil unix - - n - 1 anvil",
                  "scache unix - - n - 1 scache"]
        return "\n".join(lines) + "\n"

    def command(self):
        return ["/usr/lib/postfix/sbin/master", "-d", "-c", "/etc/postfix"]


class OpenSmtpd(Mailer):
    name = "OpenSMTPD"
    says = "writes two files per message, syncs nothing"
    package = "opensmtpd"
    modes = ("hold", "maildir", "relay")
    idle_max = 300
    pipelining = False
    users = {"opensmtpd": 64103, "opensmtpq": 64104}

    def prepare(self, next_port):
        action = f"relay host smtp://127.0.0.1:{next_port}" if self.mode == "relay" \
            else 'maildir "/var/mail/guest"'
        self.jail.write("etc/smtpd.conf", f"""smtp limit max-mails 1000000
listen on 127.0.0.1 port {self.port} hostname mx.example.org
action "it" {action}
match from any for domain "shop.net" action "it"
""")
        self.jail.folder("var/lib/opensmtpd/empty")
        self.jail.folder("var/spool/smtpd", mode=0o711)
        queue, group = self.users["opensmtpq"], self.users["opensmtpq"]
        self.jail.folder("var/spool/smtpd/offline", 0, group, 0o770)
        for name in ("queue", "purge", "temporary", "incoming", "corrupt"):
            self.jail.folder("var/spool/smtpd/" + name, queue, 0, 0o700)

    def command(self):
        # Held: the agents of mailboxes are told to pause.
        group = self.users["opensmtpq"]
        pause = f"until setpriv --regid {group} --clear-groups smtpctl pause mda 2>/dev/null; " \
                "do sleep 0.1; done" if self.mode == "hold" else ":"
        return ["sh", "-c", f"smtpd -F -f /etc/smtpd.conf & {pause}; touch /var/tmp/ready; wait"]

    def ready(self):
        return os.path.exists(self.jail.path("var/tmp/ready"))


class Exim(Mailer):
    name = "Exim"
    says = "writes two files per message, syncs three times; a process per connection"
    package = "exim4-daemon-light"
    modes = ("hold", "maildir", "relay")
    idle_max = 300  # a process for each
    users = {"Debian-exim": 64105}

    def prepare(self, next_port):
        router = """smart:
  driver = manualroute
  transport = to_next
  self = send
  route_list = * 127.0.0.1""" if self.mode == "relay" else """local:
  driver = accept
  transport = to_maildir"""
        self.jail.write("etc/exim4/exim4.conf", f"""primary_hostname = mx.example.org
daemon_smtp_ports = {self.port}
local_interfaces = 127.0.0.1
tls_advertise_hosts =
acl_smtp_rcpt = accept
rfc1413_query_timeout = 0s
host_lookup =
smtp_accept_max = {CONNECTIONS_MAX}
smtp_accept_max_per_connection = 1000000
smtp_accept_queue_per_connection = 0
smtp_connect_backlog = 1024
keep_environment =
{"queue_only = true" if self.mode == "hold" else ""}
begin routers
{router}
begin transports
to_next:
  driver = smtp
  port = {next_port}
  hosts_try_fastopen =
to_maildir:
  driver = appendfile
  directory = /var/mail/guest
  maildir_format
  user = guest
  group = guest
begin retry
* * F,2h,15m
""")
        owner = self.users["Debian-exim"]
        for name in ("var/spool/exim4", "var/log/exim4", "var/spool/exim4/db",
                     "var/spool/exim4/input", "var/spool/exim4/msglog"):
            self.jail.folder(name, owner)

    def command(self):
        return ["sh", "-c", f"mkdir -p /run/exim4; chown {self.users['Debian-exim']} /run/exim4; "
                            "exec exim4 -bdf"]


class Haraka(Mailer):
    name = "Haraka"
    says = "writes one queue file per message and syncs it"
    modes = ("hold", "relay")
    idle_max = 2000
    pipelining = False  # not of MAIL behind the dot

    def home(self):
        for base in (os.path.join(self.peers, "node_modules"), "/usr/lib/node_modules",
                     "/usr/local/lib/node_modules"):
            if os.path.isdir(os.path.join(base, "Haraka")):
                return base
        return None

    def missing(self):
        if os.geteuid() != 0:
            return "its own root and namespaces need root"
        return None if self.home() else "not there (npm install Haraka)"

    def launch(self, next_port):
        home = self.home()
        self.jail = Jail(self.dir, "", {}, more=home)
        config = "var/haraka/config/"
        for name in sorted(os.listdir(os.path.join(home, "Haraka", "config"))):
            if name.endswith(".ini"):
                with open(os.path.join(home, "Haraka", "config", name), encoding="utf-8") as f:
                    self.jail.write(config + name, f.read())
        self.jail.write(config + "smtp.ini", f"listen=127.0.0.1:{self.port}\nnodes=0\n")
        self.jail.write(config + "me", "mx.example.org\n")
        self.jail.write(config + "loglevel", "error\n")
        self.jail.write(config + "log.ini", "[main]\nlevel=error\n")
        self.jail.write(config + "headers.ini", "[main]\nadd=false\n")
        self.jail.write(config + "plugins", "next_hop\n")
        self.jail.folder("var/haraka/queue")
        self.jail.write("var/haraka/plugins/next_hop.js", f"""exports.hook_rcpt = (next, c) => {{
  c.relaying = true
  next(OK)
}}
exports.hook_get_mx = (next) => next(OK, {{ priority: 0, exchange: '127.0.0.1', port: {next_port} }})
""")
        node = "exec node /opt/node_modules/Haraka/bin/haraka -c /var/haraka"
        self.jail.start([*self.strace("/var/tmp/strace"), "sh", "-c", "cd /var/haraka; " + node])
        return self.jail.process.pid
