"""A throwaway nginx."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.missing import is_missing

PLACES = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/bin"


@contextmanager
def nginx(directory: Path, site: str) -> Iterator[None]:
    """Run nginx with ``site`` in its ``http`` block, and all its files in ``directory``."""
    program = shutil.which("nginx", path=PLACES)
    if program is None:
        is_missing("nginx")
    temporary = "\n".join(
        f"{kind}_temp_path {directory};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = directory / "nginx.conf"
    # Root's workers would run as somebody who may not write into the directory.
    user = "user root;\n" if os.geteuid() == 0 else ""
    configuration.write_text(
        f"{user}pid {directory}/nginx.pid;\nerror_log {directory}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}\n{site}\n}}\n"
    )
    command = [program, "-p", str(directory), "-e", str(directory / "error.log"), "-c", str(configuration)]
    subprocess.run([*command, "-t", "-q"], check=True)
    subprocess.run(command, check=True)  # comes back when it listens
    try:
        yield
    finally:
        subprocess.run([*command, "-s", "stop"], check=True)
