"""Views as a project writes them."""

from django.contrib.auth import get_user_model
from django.http import HttpResponse, HttpResponseRedirect
from django.views.decorators.cache import cache_page
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from fastauth_django import sign_in, sign_out, update_session_auth_hash
from fastauth_django.authentication import CookieJWTStatelessUserAuthentication


@extend_schema(request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT)
class PrivateView(APIView):
    """Needs a user, by the project's defaults."""

    def get(self, request):
        return Response({"user": request.user.get_username()})

    def post(self, request):
        return Response({"user": request.user.get_username(), "done": True})


@extend_schema(request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT)
class PublicView(APIView):
    """Answers everybody, and says whom it sees."""

    permission_classes = (AllowAny,)

    def get(self, request):
        return Response({"user": request.user.get_username() or None})

    post = get


@extend_schema(request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT)
class StatelessView(APIView):
    """A service that only verifies."""

    authentication_classes = (CookieJWTStatelessUserAuthentication,)

    def get(self, request):
        return Response({"id": request.user.id})


cached_view = cache_page(60)(PublicView.as_view())


def accept_invitation(request):
    """A link in a mail: signs in whom it names, and redirects."""
    user = get_user_model()._default_manager.get_by_natural_key(request.GET["for"])
    response = HttpResponseRedirect("/")
    sign_in(request, response, user, remember="remember" in request.GET)
    return response


@csrf_exempt
def say_goodbye(request):
    """A sign-out link of the project's own."""
    response = HttpResponse("Goodbye")
    sign_out(request, response)
    return response


@extend_schema(request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT)
class PasswordForm(APIView):
    """A password form of the project's own, for whom the mail's link or the staff's choice names."""

    permission_classes = (AllowAny,)

    def post(self, request):
        user = get_user_model()._default_manager.get_by_natural_key(request.data["for"])
        user.set_password(request.data["password"])
        user.save()
        response = Response()
        pair = update_session_auth_hash(request, response, user)
        response.data = {"signed_in": pair is not None}
        return response
