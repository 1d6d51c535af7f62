"""What existing projects put into ``REST_FRAMEWORK``."""

from django.http import JsonResponse
from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.pagination import PageNumberPagination
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler


class CsvRenderer(BaseRenderer):
    """A project of tables."""

    media_type, format = "text/csv", "csv"

    def render(self, data, accepted_media_type=None, renderer_context=None):
        return ",".join(data)


class CsvParser(BaseParser):
    media_type = "text/csv"

    def parse(self, stream, media_type=None, parser_context=None):
        return {}


class FirstOfEach(BaseContentNegotiation):
    """REST framework's own example: whatever the client says, the first parser and the first renderer."""

    def select_parser(self, request, parsers):
        return parsers[0]

    def select_renderer(self, request, renderers, format_suffix=None):
        return (renderers[0], renderers[0].media_type)


class VendorOnly(DefaultContentNegotiation):
    """Answers those who name the vendor's own type, and raises for all others."""

    def select_parser(self, request, parsers):
        raise LookupError(request.content_type)

    def select_renderer(self, request, renderers, format_suffix=None):
        raise LookupError(request.META["HTTP_ACCEPT"])


class Pages(PageNumberPagination):
    page_size = 1


def envelope(exc, context):
    """The whole answer in an envelope, as many projects have it."""
    response = exception_handler(exc, context)
    if response is not None:
        response.data = {"success": False, "errors": response.data}
    return response


def text_handler(exc, context):
    """A body that is no object, and headers of nobody's."""
    response = exception_handler(exc, context)
    return response and Response(f"{exc}", status=response.status_code)


def django_handler(exc, context):
    """An answer of Django's kind."""
    response = exception_handler(exc, context)
    return response and JsonResponse({"oops": response.status_code}, status=response.status_code)
