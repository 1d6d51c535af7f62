"""A site that signs, and a service without a database that verifies by the public key."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

pytestmark = pytest.mark.slow

PAGE = "integrations/second-service.md"
PASSWORD = "correct horse battery 9"
KINDS = {
    "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
}


@pytest.fixture(scope="module")
def key_files():
    """The files that openssl writes on the page."""
    files = {}
    for algorithm, generate in KINDS.items():
        key = generate()
        files[algorithm] = {
            "private.pem": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            "public.pem": key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        }
    return files


@pytest.fixture(scope="module", params=KINDS)
def algorithm(request):
    return request.param


@pytest.fixture(scope="module")
def signing(algorithm, key_files, make_project, serve):
    """The site that signs, with an account of Ada's."""
    project = make_project().follow("quickstart.md")
    for name, text in key_files[algorithm].items():
        project.write(f"keys/{name}", text, append=False)
    project.follow(PAGE, "The site that signs").configure(f"SIMPLE_JWT['ALGORITHM'] = {algorithm!r}")
    return serve(project, "migrate", users={"ada": PASSWORD})


@pytest.fixture(scope="module", params=["URL", "file"])
def service(request, algorithm, signing, key_files, make_project, serve):
    """The service that verifies, with the key from a URL or from a file."""
    project = make_project("orders")
    project.write("keys/public.pem", key_files[algorithm]["public.pem"], append=False)
    project.follow(PAGE, "The service that verifies", f"The key from a {request.param}")
    project.configure(f"SIMPLE_JWT['ALGORITHM'] = {algorithm!r}")
    if request.param == "URL":
        address = signing.origin("127.0.0.1") + "/.well-known/jwks.json"
        project.configure(f"SIMPLE_JWT['JWK_URL'] = {address!r}")
    return serve(project)


@pytest.fixture(scope="module")
def ada(signing, visit):
    visitor = visit(signing)
    assert visitor.sign_in(username="ada", password=PASSWORD).status_code == 200
    return visitor


@pytest.fixture
def caller(service, visit):
    return visit(service)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_the_cookie_opens_the_service_without_a_database(ada, caller):
    user = ada.get("/auth/me").json()

    response = caller.get("/orders/", cookies={"access_token": ada.cookies["access_token"]})

    assert (response.status_code, response.json()) == (200, {"orders_of": str(user["id"])})


def test_the_header_opens_it_too(ada, caller):
    assert caller.get("/orders/", headers=bearer(ada.cookies["access_token"])).status_code == 200


def test_nobody_is_nobody(caller):
    assert caller.get("/orders/").status_code == 401


@pytest.mark.parametrize("how", ["cookie", "header"])
def test_a_refresh_token_opens_nothing(ada, caller, how):
    token = ada.cookies["refresh_token"]
    sent = {"cookies": {"access_token": token}} if how == "cookie" else {"headers": bearer(token)}

    response = caller.get("/orders/", **sent)

    assert response.status_code == 401
    assert 'error_description="token_invalid"' in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize("how", ["cookie", "header"])
@pytest.mark.parametrize("garbage", ["garbage", "a.b.c", "e30.e30.e30"])
def test_garbage_opens_nothing_and_breaks_nothing(caller, garbage, how):
    sent = {"cookies": {"access_token": garbage}} if how == "cookie" else {"headers": bearer(garbage)}

    assert caller.get("/orders/", **sent).status_code == 401


def test_a_token_that_was_touched_opens_nothing(ada, caller):
    header, payload, signature = ada.cookies["access_token"].split(".")
    forged = f"{header}.{payload[:-2]}AA.{signature}"

    assert caller.get("/orders/", headers=bearer(forged)).status_code == 401


def test_another_sites_form_cannot_use_the_cookie(ada, caller):
    forged = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}

    response = caller.post("/orders/", cookies={"access_token": ada.cookies["access_token"]}, headers=forged)

    assert (response.status_code, response.json()["code"]) == (403, "csrf_failed")


def test_the_end_of_a_session_is_not_noticed_there(signing, caller, visit):
    """The page says so: the price of asking no database."""
    leaving = visit(signing)
    leaving.sign_in(username="ada", password=PASSWORD)
    token = leaving.cookies["access_token"]
    assert leaving.post("/auth/logout").status_code == 200

    assert leaving.get("/auth/me", headers=bearer(token)).status_code == 401
    assert caller.get("/orders/", headers=bearer(token)).status_code == 200


@pytest.mark.usefixtures("service")
def test_the_private_key_is_not_published(signing, visit):
    (published,) = visit(signing).get("/.well-known/jwks.json").json()["keys"]

    assert not set(published) & {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
