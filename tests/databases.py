"""Which database the suite runs on, and throwaway servers for it.

``FASTAUTH_TEST_DATABASE`` is ``sqlite`` (the default), ``postgres`` or ``mariadb``. The latter two are started for the
run, on a free loopback port, where their programs are installed; else ``POSTGRES_URL`` or ``MYSQL_URL`` names a server.
``pgbouncer`` and ``pool`` are PostgreSQL behind PgBouncer in transaction mode, and in Django's own pool. Each of the
three has a twin that prepares its statements: ``postgres-prepared``, ``pgbouncer-prepared``, ``pool-prepared``.
``FASTAUTH_TEST_ISOLATION`` sets their isolation level, as in ``repeatable read``.
"""

import atexit
import glob
import importlib.util
import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

#: Processes that a test starts find the database of the run here, as JSON, instead of starting one of their own.
CONNECTION_VARIABLE = "FASTAUTH_TEST_CONNECTION"

#: A shell tidies up when its standard input closes, which it does however pytest ends.
DIRECTORY_KEEPER = 'cat; rm -rf "$1"'
SERVER_KEEPER = """
directory=$1 signal=$2
shift 2
"$@" &
order=$(cat)
kill -s "$signal" $!
wait $!
[ "$order" = keep ] || rm -rf "$directory"
"""
SECONDS_TO_START = 60


class Unavailable(Exception):
    """A database that this machine does not have. The message says what is missing."""


def settings_for(kind: str) -> dict[str, Any]:
    """The entry of ``DATABASES`` for the run. Starts the server if there is one to start."""
    if CONNECTION_VARIABLE in os.environ:
        return json.loads(os.environ[CONNECTION_VARIABLE])
    settings = _sqlite() if kind == "sqlite" else ALL[kind].settings()
    os.environ[CONNECTION_VARIABLE] = json.dumps(settings)
    return settings


def _sqlite() -> dict[str, Any]:
    # A file, because each thread of a race needs a connection of its own: those to one in-memory database share a cache
    # and fail at once where two connections to a file wait. The waiting is not fair, so 50 writers need patience.
    directory = tempfile.mkdtemp(prefix="fastauth-sqlite-")
    atexit.register(_keeper(DIRECTORY_KEEPER, directory).communicate)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": f"{directory}/db.sqlite3",
        "TEST": {"NAME": f"{directory}/test.sqlite3"},
        "OPTIONS": {"timeout": 30, "init_command": "PRAGMA synchronous = OFF"},
    }


def _keeper(script: str, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    # In a session of its own, where Ctrl-C does not reach it.
    command = ["sh", "-c", script, "keeper", *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, **options)


class Server:
    """A database server in a temporary directory. It ends with this process, and its directory with it."""

    driver: str  # module
    driver_package: str
    extra: str
    url_variable: str
    engine: str
    user: str
    stop_signal: str  # One that ends it as a crash would.
    programs: tuple[str, ...]
    options: dict[str, Any] = {}  # Django's, in the entry of DATABASES

    #: The server that :func:`settings_for` started.
    running: "Server | None" = None

    @classmethod
    def missing(cls) -> str | None:
        """What this machine lacks, or None if the suite can run on this database."""
        if importlib.util.find_spec(cls.driver) is None:
            return f"{cls.driver_package}, from the extra {cls.extra},"
        absent = [program for program in cls.programs if find(program) is None]
        if absent and not os.environ.get(cls.url_variable):
            return f"{' and '.join(absent)}, or a server that {cls.url_variable} names,"
        return None

    @classmethod
    def settings(cls) -> dict[str, Any]:
        reason = cls.missing()
        if reason is not None:
            raise Unavailable(f"{reason} is missing")
        if all(find(program) for program in cls.programs):
            server = Server.running = cls()
            server.install()
            server.start()
            settings = server.connection_settings()
        else:
            import dj_database_url

            settings = {**dj_database_url.parse(os.environ[cls.url_variable]), "ENGINE": cls.engine}
            settings["OPTIONS"] = {**settings.get("OPTIONS", {}), **cls.options}
        isolation = os.environ.get("FASTAUTH_TEST_ISOLATION")
        if isolation:
            settings.setdefault("OPTIONS", {}).update(cls.isolation_options(isolation))
        return settings

    def __init__(self) -> None:
        self.directory = tempfile.mkdtemp(prefix="fastauth-server-")
        self.data = f"{self.directory}/data"
        self.identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            # Database servers refuse to run as root.
            nobody = pwd.getpwnam("nobody")
            os.chown(self.directory, nobody.pw_uid, nobody.pw_gid)
            self.identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            self.port = unused.getsockname()[1]
        atexit.register(self.stop)

    def install(self) -> None:
        """Make the server's files."""
        subprocess.run(
            self.install_command(), check=True, cwd=self.directory, stdout=subprocess.DEVNULL, **self.identity
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with open(f"{self.directory}/log", "ab") as log:
            arguments = (self.directory, self.stop_signal, *self.command())
            output = {"stdout": log, "stderr": log, "cwd": self.directory}
            self.keeper = _keeper(SERVER_KEEPER, *arguments, **output, **self.identity)
        deadline = time.monotonic() + SECONDS_TO_START
        while not self.answers():
            if time.monotonic() > deadline:
                with open(f"{self.directory}/log", errors="replace") as log:
                    raise Unavailable(f"{self.command()[0]} does not answer:\n{log.read()[-4000:]}")
            time.sleep(0.05)

    def stop(self, *, keep_files: bool = False) -> None:
        """End the server as a crash would. With ``keep_files`` it can be started again."""
        if self.keeper.poll() is None:
            self.keeper.communicate(b"keep" if keep_files else b"")

    @contextmanager
    def serving(self) -> Iterator[Self]:
        """Have the server for the time of a block."""
        self.install()
        try:
            self.start()
            yield self
        finally:
            self.stop()

    def connection_settings(self) -> dict[str, Any]:
        address = {"HOST": "127.0.0.1", "PORT": str(self.port)}
        account = {"NAME": "fastauth", "USER": self.user, "PASSWORD": ""}
        return {"ENGINE": self.engine, **account, **address, "OPTIONS": {**self.options}}

    @classmethod
    def isolation_options(cls, level: str) -> dict[str, Any]:
        raise NotImplementedError

    def install_command(self) -> list[str]:
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError


class PostgreSQL(Server):
    driver = "psycopg"
    driver_package = "psycopg"
    extra = "test-all"
    url_variable = "POSTGRES_URL"
    engine = "django.db.backends.postgresql"
    user = "fastauth"
    stop_signal = "QUIT"
    programs = ("initdb", "postgres")

    @classmethod
    def isolation_options(cls, level: str) -> dict[str, Any]:
        import psycopg

        return {
            # Django's option is for transactions; a statement outside of one takes the server's default.
            "isolation_level": psycopg.IsolationLevel[level.upper().replace(" ", "_")],
            "options": "-c default_transaction_isolation=" + level.replace(" ", r"\ "),
        }

    def install_command(self) -> list[str]:
        options = ["--auth=trust", f"--username={self.user}", "--encoding=UTF8", "--no-locale", "--no-sync"]
        return [found("initdb"), "-D", self.data, *options]

    def command(self) -> list[str]:
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 200,
            # Commits reach the operating system, not the disk: they survive stop(), and cost little.
            "fsync": "off",
            "full_page_writes": "off",
        }
        return [found("postgres"), "-D", self.data, *(f"--{name}={value}" for name, value in options.items())]

    def answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(host="127.0.0.1", port=self.port, user=self.user, dbname="postgres").close()
        except psycopg.OperationalError:
            return False
        return True


class Standby(PostgreSQL):
    """A copy of the server at port ``primary``, which it follows until it is promoted."""

    programs = (*PostgreSQL.programs, "pg_basebackup", "pg_ctl")

    def __init__(self, primary: int) -> None:
        super().__init__()
        self.primary = primary

    def install_command(self) -> list[str]:
        source = ["--host=127.0.0.1", f"--port={self.primary}", f"--username={self.user}"]
        options = ["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]
        return [found("pg_basebackup"), *source, "-D", self.data, *options]

    def promote(self) -> None:
        """Have it take writes, and wait until it does."""
        command = [found("pg_ctl"), "promote", "-D", self.data]
        subprocess.run(command, check=True, cwd=self.directory, stdout=subprocess.DEVNULL, **self.identity)


class PgBouncer(PostgreSQL):
    """PgBouncer before a PostgreSQL of its own: a client has a connection to that for a transaction only."""

    url_variable = "PGBOUNCER_URL"
    stop_signal = "KILL"
    programs = (*PostgreSQL.programs, "pgbouncer")
    more_configuration = ""

    @staticmethod
    def version() -> tuple[int, ...]:
        said = subprocess.run([found("pgbouncer"), "--version"], check=True, capture_output=True, text=True).stdout
        return tuple(map(int, said.split()[1].split(".")))

    def __init__(self) -> None:
        super().__init__()
        self.postgres = PostgreSQL()

    def install(self) -> None:
        self.postgres.install()
        self.postgres.start()
        with open(f"{self.directory}/users", "w") as users:
            users.write(f'"{self.user}" ""\n')
        with open(f"{self.directory}/pgbouncer.ini", "w") as configuration:
            configuration.write(
                f"[databases]\n* = host=127.0.0.1 port={self.postgres.port}\n[pgbouncer]\npool_mode = transaction\n"
                f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\nmax_client_conn = 200\n"
                f"auth_type = trust\nauth_file = {self.directory}/users\n{self.more_configuration}"
            )

    def command(self) -> list[str]:
        return [found("pgbouncer"), f"{self.directory}/pgbouncer.ini"]

    def connection_settings(self) -> dict[str, Any]:
        # A cursor on the server outlives its transaction, and so would be another client's.
        return {**super().connection_settings(), "DISABLE_SERVER_SIDE_CURSORS": True}


class DjangoPool(PostgreSQL):
    """PostgreSQL in Django's own pool of connections."""

    driver = "psycopg_pool"
    driver_package = "psycopg[pool]"

    @classmethod
    def settings(cls) -> dict[str, Any]:
        # Without the checks the pool would hand out connections to a server that was restarted.
        settings = {**super().settings(), "CONN_HEALTH_CHECKS": True}
        # Each of the 50 threads of a race holds one.
        settings.setdefault("OPTIONS", {})["pool"] = {"min_size": 2, "max_size": 60, "timeout": 10}
        return settings


class Prepared(PostgreSQL):
    """Each connection prepares its statements and keeps their plans."""

    options = {"server_side_binding": True, "prepare_threshold": 0}


class PreparedPgBouncer(Prepared, PgBouncer):
    """With a PgBouncer that knows which of its connections has which statement."""

    more_configuration = "max_prepared_statements = 200\n"
    #: Of PgBouncer, for what psycopg sends. Older ones do not even start with the line above.
    since = (1, 22)


class PreparedPool(Prepared, DjangoPool):
    pass


class MariaDB(Server):
    driver = "MySQLdb"
    driver_package = "mysqlclient"
    extra = "mariadb"
    url_variable = "MYSQL_URL"
    engine = "django.db.backends.mysql"
    user = "root"
    stop_signal = "KILL"
    programs = ("mariadb-install-db", "mariadbd")

    @classmethod
    def isolation_options(cls, level: str) -> dict[str, Any]:
        return {"isolation_level": level}

    def install_command(self) -> list[str]:
        options = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        return [found("mariadb-install-db"), "--no-defaults", f"--datadir={self.data}", *options]

    def command(self) -> list[str]:
        options = {
            "datadir": self.data,
            "port": self.port,
            "bind-address": "127.0.0.1",
            "socket": f"{self.directory}/socket",
            "max-connections": 200,
            # Debian's defaults, where MariaDB's own would be Swedish.
            "character-set-server": "utf8mb4",
            "collation-server": "utf8mb4_general_ci",
            # As fsync is for PostgreSQL.
            "innodb-flush-log-at-trx-commit": 2,
            # On by default from MariaDB 11.6: under REPEATABLE READ a write to a row that changed is an error.
            "loose-innodb-snapshot-isolation": "ON",
        }
        return [found("mariadbd"), "--no-defaults", *(f"--{name}={value}" for name, value in options.items())]

    def answers(self) -> bool:
        import MySQLdb

        try:
            MySQLdb.connect(host="127.0.0.1", port=self.port, user=self.user).close()
        except MySQLdb.OperationalError:
            return False
        return True


KINDS: dict[str, type[Server]] = {"postgres": PostgreSQL, "mariadb": MariaDB}
POOLS: dict[str, type[Server]] = {"pgbouncer": PgBouncer, "pool": DjangoPool}
PREPARED: dict[str, type[Server]] = {
    "postgres-prepared": Prepared,
    "pgbouncer-prepared": PreparedPgBouncer,
    "pool-prepared": PreparedPool,
}
ALL = KINDS | POOLS | PREPARED


def find(program: str) -> str | None:
    """Where ``program`` is. Debian keeps PostgreSQL's beside the path, and /usr/sbin is on root's alone."""
    beside = sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    return shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *beside, "/usr/sbin"]))


def found(program: str) -> str:
    path = find(program)
    assert path is not None
    return path
