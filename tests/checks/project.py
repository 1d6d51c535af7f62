"""What a project may name in its settings, rightly or wrongly, for the checks to look at."""

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import include, path
from django.views import View
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.decorators import action, api_view, authentication_classes
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.routers import APIRootView, DefaultRouter
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet, ViewSet
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.views import TokenObtainPairView

from fastauth_django import views
from fastauth_django.authentication import CookieJWTAuthentication
from fastauth_django.middleware import AuthCookieMiddleware
from fastauth_django.serializers import LoginSerializer, RegisterSerializer

AUTH = path("auth/", include("fastauth_django.urls"))
REFRESH = path("auth/refresh", views.RefreshView.as_view())
SIMPLEJWT = path("token/", TokenObtainPairView.as_view())


# --- Views ---------------------------------------------------------------------------------------------------------


class Page(View):
    """A page of Django's kind."""


class Api(APIView):
    """A view that names an authentication class of its own."""

    authentication_classes = (CookieJWTAuthentication,)


class OwnLogin(views.LoginView):
    """A sign-in that a project derived."""

    token_delivery = "cookie"


class Leftover(APIView):
    """A view that a migration forgot."""

    authentication_classes = (JWTAuthentication,)


class SessionFirst(ModelViewSet):
    """REST framework's session before ours."""

    authentication_classes = (SessionAuthentication, CookieJWTAuthentication)


class ChoosesByMethod(APIView):
    """Asks ``first`` for what only reads."""

    first: type[BaseAuthentication] = CookieJWTAuthentication

    def get_authenticators(self):
        return [*([self.first()] if self.request.method == "GET" else []), CookieJWTAuthentication()]


class OwnChallenge(ChoosesByMethod):
    """Names the challenge of a 401 itself."""

    def get_authenticate_header(self, request):
        return "Bearer"


class ChoosesByAction(ViewSet):
    """Reads REST framework's session to create something."""

    def get_authenticators(self):
        first = [SessionAuthentication()] if self.action_map.get(self.request.method.lower()) == "create" else []
        return [*first, CookieJWTAuthentication()]


class AsksTheTenant(Leftover):
    """Chooses by what only a middleware knows."""

    def get_authenticators(self):
        return self.request.tenant.authenticators


class ChoosesPermissions(APIView):
    """Has a property where others have a list."""

    @property
    def permission_classes(self):
        return [self.request.tenant.permission]


class ChoosesInProperty(APIView):
    """So has this."""

    reads_cookies = True

    @property
    def authentication_classes(self):
        return [CookieJWTAuthentication if self.reads_cookies else JWTAuthentication]


class LeftoverReplaced(Leftover):
    """Names what does not count."""

    def get_authenticators(self):
        return [CookieJWTAuthentication()]


@api_view()
@authentication_classes([JWTAuthentication])
def leftover_function(request, page):
    """A function that a migration forgot."""


def router_of(authentication_class):
    """A third party's router, one action of which has a class of its own."""

    class Books(ViewSet):
        @action(detail=False, authentication_classes=[authentication_class])
        def mine(self, request):
            """The caller's own."""

    router = DefaultRouter()
    router.register("books", Books, "book")
    return router


def wrapped_view(view):
    def inner(request):
        return view(request)

    inner.__wrapped__ = view
    return inner


API = path("api", Api.as_view())


class Private(APIView):
    """A view that leaves its authentication to the project's default."""

    permission_classes = (IsAuthenticated,)


class Public(APIView):
    """A view for everybody."""

    permission_classes = (AllowAny,)


class OpenApi(APIView):
    """A view for everybody that knows who asks."""

    authentication_classes = (CookieJWTAuthentication,)
    permission_classes = (AllowAny,)


router_root = APIRootView.as_view()


def function_view(request):
    return HttpResponse()


# --- Authentication classes ----------------------------------------------------------------------------------------


class OwnBackend(BaseBackend):
    """Finds people in a way of its own."""


class WrittenInC(BaseBackend):
    """Nobody can read what it takes."""

    authenticate = max


class TakesAnotherName(BaseBackend):
    """Knows people by what the user model does not."""

    def authenticate(self, request, badge=None, password=None):
        """Nobody gives it a badge."""


class ReadsACookie(JWTAuthentication):
    """The class that people paste."""

    def get_header(self, request):
        return request.COOKIES.get("access_token")


class Silent(BaseAuthentication):
    """Names no challenge, on purpose."""

    def authenticate_header(self, request):
        return None


class LooksAtRequest(BaseAuthentication):
    """Makes its challenge of something that only a real request has."""

    def authenticate_header(self, request):
        return f"Bearer realm={request.tenant}"


class OwnCookieAuthentication(CookieJWTAuthentication):
    """A class that a project derived."""


class ElsewhereRouter:
    """Keeps the sessions of this app by themselves."""

    app_label = "fastauth_django"

    def db_for_write(self, model, **hints):
        return "elsewhere" if model._meta.app_label == self.app_label else None


class UsersWithSessionsRouter(ElsewhereRouter):
    """Leaves both where they are."""

    app_label = "another"


# --- Serializers and claims ----------------------------------------------------------------------------------------


class OwnRegisterSerializer(RegisterSerializer):
    """A sign-up that a project derived."""


class ActiveManager(BaseUserManager):
    """Fills in by itself what nobody is asked for."""

    def create_user(self, password=None, **fields):
        return self.model(is_active=True, **fields)


def create_user_of_tenant(manager, tenant, password=None, **fields):
    """The user model has no such field."""


async def create_user_later(manager, password=None, **fields):
    """Nobody awaits it."""


def find_in_tenant(manager, tenant, name):
    """Sign-in gives a name alone."""


def create_user_without_password(manager, email="", username="", city=""):
    """The password is not to be written by anybody else."""


class CreatesNothing(serializers.Serializer):
    """A sign-up that forgot to make the account."""


class SignsIn(LoginSerializer):
    """A sign-in that a project derived."""


class AsksElsewhere(serializers.Serializer):
    """A sign-in of another kind, which counts nothing."""

    def validate(self, attrs):
        return {"user": None}


class ForgetsAField(RegisterSerializer):
    """Declares a field and does not list it."""

    password2 = serializers.CharField()


class NeedsTheRequest(serializers.Serializer):
    """Has fields that depend on who asks."""

    def get_fields(self):
        return {self.context["request"].user.get_username(): serializers.CharField()}


class SavesItself(serializers.Serializer):
    """A sign-up that makes the account in its own way."""

    def save(self, **kwargs):
        return None


def make_serializer(*args, **kwargs):
    return CreatesNothing(*args, **kwargs)


def claims(user, claims):
    return claims


def claims_of_user(user):
    return {}


async def slow_claims(user, claims):
    return claims


NOT_A_FUNCTION = {"plan": "free"}


# --- Caches and middleware -----------------------------------------------------------------------------------------


class SharedCache(BaseCache):
    """A backend of somebody's own, of which nobody can say how it counts."""

    def __init__(self, _location, params):
        super().__init__(params)


class OwnLocMemCache(LocMemCache):
    """A per-process cache under another name."""


class OwnCsrfMiddleware(CsrfViewMiddleware):
    """Django's own, derived."""


class OwnAuthenticationMiddleware(AuthenticationMiddleware):
    """Django's own, derived."""


class OwnAuthCookieMiddleware(AuthCookieMiddleware):
    """This app's, derived."""


def function_middleware(get_response):
    return get_response


#: Stands in for dj-rest-auth's, which not everybody who runs the tests has.
PEERS_LOGIN = type("LoginView", (Page,), {"__module__": "dj_rest_auth.views"})
