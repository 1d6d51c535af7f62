"""User models that a project may have: an email for a name, and a UUID for a key."""

import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models


class UserManager(BaseUserManager):
    def create_user(self, email, password=None, **extra):
        user = self.model(email=self.normalize_email(email), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email, password=None, **extra):
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)


class AbstractEmailUser(AbstractBaseUser, PermissionsMixin):
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)

    objects = UserManager()

    USERNAME_FIELD = "email"

    class Meta:
        abstract = True


class EmailUser(AbstractEmailUser):
    name = models.CharField(max_length=100, blank=True)

    class Meta:
        swappable = "AUTH_USER_MODEL"


class UUIDUser(AbstractEmailUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    city = models.CharField(max_length=100)

    REQUIRED_FIELDS = ["city"]

    class Meta:
        swappable = "AUTH_USER_MODEL"
