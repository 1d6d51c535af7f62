from rest_framework import serializers

from .models import Note


class NoteSerializer(serializers.ModelSerializer):
    class Meta:
        model = Note
        fields = ("id", "text", "created_at")
        read_only_fields = ("id", "created_at")


class RefusalSerializer(serializers.Serializer):
    """For the API's document: a refusal. ``code`` is there where fastauth_django refused a token or a request."""

    detail = serializers.CharField()
    code = serializers.CharField(required=False)


class FieldErrorsSerializer(serializers.Serializer):
    """For the API's document: what is wrong with a note, or with a body that is none."""

    text = serializers.ListField(child=serializers.CharField(), required=False)
    non_field_errors = serializers.ListField(child=serializers.CharField(), required=False)
    detail = serializers.CharField(required=False)
