"""Every view in README and docs is safe to paste: none changes anything on GET, and one that signs in has a check.

Readers paste examples. A view that signs somebody in on GET is login CSRF in each of their projects.
"""

import ast
import textwrap

import pytest

from tests.documentation.pages import page, page_names

#: What a view calls to sign in or out, or to change something.
SIGNS_IN_OR_OUT = {"sign_in", "sign_out", "update_session_auth_hash", "login", "logout"}
CHANGES = SIGNS_IN_OR_OUT | {
    *("save", "create", "bulk_create", "get_or_create", "update_or_create", "update", "bulk_update", "delete"),
    *("set_password", "set_unusable_password", "revoke", "send_mail", "set_cookie", "delete_cookie"),
}
SAFE_METHODS = {"get", "head", "options"}
METHODS = SAFE_METHODS | {"post", "put", "patch", "delete", "dispatch"}
#: A page and a heading: a guide shows what its reader has.
NOT_VIEWS_TO_PASTE = {
    ("docs/migrating/from-simplejwt-cookies.md", "Where you come from"),
}


def called_in(node):
    """The last name of each call: ``sign_in``, ``x.save``."""
    calls = [each.func for each in ast.walk(node) if isinstance(each, ast.Call)]
    return {getattr(func, "attr", getattr(func, "id", None)) for func in calls}


def reached_from(function, module):
    """What a view calls, also through other functions of the same block."""
    known = {each.name: each for each in ast.walk(module) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    calls, waiting = set(), [function]
    while waiting:
        new = called_in(waiting.pop()) - calls
        calls |= new
        waiting += [known[name] for name in new if name in known]
    return calls


def takes_post_only(function):
    """Whether a decorator keeps GET away: ``@require_POST``, ``@require_http_methods([…])``, ``@api_view([…])``."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Name) and decorator.id == "require_POST":
            return True
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") in {
            "api_view",
            "require_http_methods",
        }:
            # @api_view() alone is GET.
            methods = {each.value for each in ast.walk(decorator) if isinstance(each, ast.Constant)}
            return bool(methods) and not methods & {"GET", "HEAD", "OPTIONS"}
    return False


def views_in(module):
    """Each function that a URL may lead to, what it is called, and whether a GET gets there."""
    in_classes = set()
    for owner in (each for each in ast.walk(module) if isinstance(each, ast.ClassDef)):
        for function in (each for each in owner.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)):
            in_classes.add(function)
            parameters = {each.arg for each in function.args.args}
            if function.name in METHODS or "request" in parameters:
                takes_get = function.name in SAFE_METHODS or function.name not in METHODS - {"dispatch"}
                yield f"{owner.name}.{function.name}", function, takes_get
    for each in ast.walk(module):
        is_function = isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each not in in_classes
        if is_function and each.args.args and each.args.args[0].arg == "request":
            yield each.name, each, not takes_post_only(each)
        if isinstance(each, ast.Lambda) and each.args.args and each.args.args[0].arg == "request":
            yield "lambda", each, True


def dangers_in(code):
    """What a reader who pastes ``code`` would let another site do."""
    module = ast.parse(code)
    for name, function, takes_get in views_in(module):
        calls = reached_from(function, module)
        if takes_get and calls & CHANGES:
            yield f"{name} calls {sorted(calls & CHANGES)} on GET"
        if calls & SIGNS_IN_OR_OUT and "refuse_forgery" not in calls:
            yield f"{name} calls {sorted(calls & SIGNS_IN_OR_OUT)} without refuse_forgery"


def python_blocks():
    return [
        block
        for name in page_names()
        for block in page(name).blocks
        if block.language == "python" and (block.page, block.heading) not in NOT_VIEWS_TO_PASTE
    ]


@pytest.mark.parametrize("block", python_blocks(), ids=str)
def test_no_example_changes_anything_on_get(block):
    assert list(dangers_in(block.code)) == []


def test_examples_that_sign_in_are_looked_at():
    assert [block.page for block in python_blocks() if "sign_in(" in block.code]


@pytest.mark.parametrize(
    "code",
    [
        "def accept(request, who):\n    sign_in(request, response, who)",
        "async def accept(request):\n    refuse_forgery(request)\n    sign_in(request, response, who)",
        "@api_view()\ndef accept(request):\n    refuse_forgery(request)\n    fastauth_django.sign_in(request, r, u)",
        "@api_view(['POST', 'GET'])\ndef accept(request):\n    refuse_forgery(request)\n    sign_in(request, r, u)",
        "@require_POST\n@csrf_exempt\ndef accept(request):\n    sign_in(request, r, u)",
        "class Accept(APIView):\n    def get(self, request):\n        request.user.delete()",
        "class Accept(APIView):\n    def post(self, request):\n        sign_in(request, r, u)",
        "class V(View):\n    def dispatch(self, request):\n        refuse_forgery(request)\n        sign_in(request)",
        "def enter(request):\n    sign_in(request, r, u)\n\n@require_POST\ndef accept(request):\n    enter(request)",
        "leave = lambda request: sign_out(request, HttpResponse())",
    ],
)
def test_a_dangerous_example_would_be_found(code):
    assert list(dangers_in(code))


@pytest.mark.parametrize(
    "code",
    [
        "def page(request):\n    return render(request, 'page.html')",
        "@require_POST\ndef accept(request):\n    refuse_forgery(request)\n    sign_in(request, r, u)",
        "class Note(APIView):\n    def post(self, request):\n        Note.objects.create(text='x')",
        "def receiver(sender, request, session):\n    send_mail('s', 't', None, [])",
    ],
)
def test_a_safe_example_is_left_alone(code):
    assert list(dangers_in(textwrap.dedent(code))) == []
