"""What a proxy does to a request, done in the project itself."""


class RenamesHost:
    """As ``rewrites()`` of Next.js does: another ``Host``, and the one that the browser called in ``X-Forwarded-Host``.

    It leaves one that the client sent as it is. No proxy could believe a page more.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.META.setdefault("HTTP_X_FORWARDED_HOST", request.META["HTTP_HOST"])
        request.META["HTTP_HOST"] = "backend.internal:8000"
        return self.get_response(request)
