from rest_framework import serializers

from fastauth_django.serializers import UserSerializer


class DescribingSerializer(UserSerializer):
    """Shows what the project's default manager adds."""

    described = serializers.DictField()

    class Meta(UserSerializer.Meta):
        fields = [*UserSerializer.Meta.fields, "described"]
