"""One contender's project for a web server: ``wsgi`` and ``asgi``. ``python -m benchmarks.served`` makes its tables."""

import json
import os

from benchmarks.contenders import CONTENDERS
from benchmarks.worker import Worker, configure

contender = CONTENDERS[os.environ["BENCHMARK_CONTENDER"]]()
configure(contender, json.loads(os.environ["BENCHMARK_DATABASE"]))

if __name__ == "__main__":
    Worker(contender).prepare()
else:
    from django.core.asgi import get_asgi_application
    from django.core.wsgi import get_wsgi_application

    wsgi, asgi = get_wsgi_application(), get_asgi_application()
