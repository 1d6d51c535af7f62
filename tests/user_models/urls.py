"""The routes of the test project, and a view that looks at its user as the project's default manager gives it."""

from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.urls import urlpatterns as urls_of_test_project


class PageView(APIView):
    def get(self, request):
        return Response(request.user.described)


urlpatterns = [*urls_of_test_project, path("page", PageView.as_view())]
