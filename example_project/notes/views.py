from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.serializers import BaseSerializer

from .models import Note
from .serializers import FieldErrorsSerializer, NoteSerializer, RefusalSerializer

REFUSED = {401: RefusalSerializer}
CHANGE_REFUSED = {**REFUSED, 403: RefusalSerializer}


@extend_schema_view(
    list=extend_schema(responses={200: NoteSerializer(many=True), **REFUSED}),
    create=extend_schema(responses={201: NoteSerializer, 400: FieldErrorsSerializer, **CHANGE_REFUSED}),
    destroy=extend_schema(responses={204: None, 404: RefusalSerializer, **CHANGE_REFUSED}),
)
class NoteViewSet(mixins.ListModelMixin, mixins.CreateModelMixin, mixins.DestroyModelMixin, viewsets.GenericViewSet):
    """The caller's own notes: newest first, add one, delete one. Nothing here knows of tokens or cookies."""

    queryset = Note.objects.all()
    serializer_class = NoteSerializer
    lookup_value_regex = "[^/]+"  # REST framework's has no dot, and Django's own 404 is HTML

    def get_queryset(self) -> QuerySet[Note]:
        return super().get_queryset().filter(owner=self.request.user.pk)

    def perform_create(self, serializer: BaseSerializer) -> None:
        serializer.save(owner=self.request.user)
