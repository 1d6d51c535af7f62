"""One user model for each corner, and what people do who meet it."""

import uuid
from datetime import date

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import AbstractUser, PermissionsMixin, UserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower

SWAPPABLE = "AUTH_USER_MODEL"


class AnyUserManager(BaseUserManager):
    """Takes what the model takes."""

    def create_user(self, password=None, **fields):
        user = self.model(**fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, password=None, **fields):
        return self.create_user(password, is_staff=True, is_superuser=True, **fields)


class Corner:
    #: What two visitors type to sign up; None where there is no way to.
    ADA = GRACE = None
    #: Sign-ups that are a 409 once Ada has signed up, beside her own.
    TAKEN = []
    #: Sign-ups that are a 400: whoever comes, and once Ada has signed up.
    REFUSED = []
    REFUSED_AS_SECOND = []
    #: What Ada may type as well, to sign in.
    OTHER_SPELLINGS = []
    #: Identifiers that no account has.
    NOBODY = ["nobody@example.com", "0", "-1", "9" * 40, "3fa85f64-5717-4562-b3fc-2c963f66afa6", "1e999", "NaN", "sNaN"]
    #: What ``manage.py check`` says.
    CHECKS = []
    #: Whether Django's own sessions, and so the admin, can hold the key.
    ADMIN = True
    #: What the answers, and a view of the project, show of a user.
    described = {}

    @classmethod
    def prepare(cls):
        """Whatever is there before Ada comes."""


class AnyUser(Corner, AbstractBaseUser, PermissionsMixin):
    """What most of them share. It has no ``__str__`` but Django's, which returns the identifier."""

    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)

    objects = AnyUserManager()

    class Meta:
        abstract = True


# --- Identifiers that are no text -----------------------------------------------------------------------------------


class IntegerIdentifier(AnyUser):
    number = models.PositiveIntegerField(unique=True)

    USERNAME_FIELD = "number"
    ADA, GRACE = {"number": 4711}, {"number": "4712.0"}

    class Meta:
        swappable = SWAPPABLE


class UUIDIdentifier(AnyUser):
    card = models.UUIDField(unique=True)

    USERNAME_FIELD = "card"
    ADA = {"card": "{6f9619ff-8b86-d011-b42d-00cf4fc964ff}"}
    GRACE = {"card": str(uuid.UUID(int=2))}

    class Meta:
        swappable = SWAPPABLE


class DateIdentifier(AnyUser):
    born = models.DateField(unique=True)

    USERNAME_FIELD = "born"
    ADA, GRACE = {"born": "1815-12-10"}, {"born": str(date(1906, 12, 9))}

    class Meta:
        swappable = SWAPPABLE


class DateTimeIdentifier(AnyUser):
    since = models.DateTimeField(unique=True)

    USERNAME_FIELD = "since"
    ADA, GRACE = {"since": "1843-07-10T12:00:00Z"}, {"since": "1952-05-01T12:00:00.000001Z"}

    class Meta:
        swappable = SWAPPABLE


class FloatIdentifier(AnyUser):
    number = models.FloatField(unique=True)

    USERNAME_FIELD = "number"
    ADA, GRACE = {"number": "47.11"}, {"number": 47.12}
    REFUSED = [{"number": "NaN"}, {"number": "1e999"}]

    class Meta:
        swappable = SWAPPABLE


class DecimalIdentifier(AnyUser):
    number = models.DecimalField(unique=True, max_digits=8, decimal_places=2)

    USERNAME_FIELD = "number"
    ADA, GRACE = {"number": "47.11"}, {"number": "47.12"}

    class Meta:
        swappable = SWAPPABLE


class AddressIdentifier(AnyUser):
    address = models.GenericIPAddressField(unique=True)

    USERNAME_FIELD = "address"
    ADA, GRACE = {"address": "2001:DB8:0:0::1"}, {"address": "192.0.2.2"}

    class Meta:
        swappable = SWAPPABLE


class Phone:
    """A value with no text of its own, as a package for telephone numbers may have it."""

    def __init__(self, digits):
        self.digits = digits

    def __eq__(self, other):
        return isinstance(other, Phone) and self.digits == other.digits

    def __hash__(self):
        return hash(self.digits)


def read_phone(value):
    if value is None or isinstance(value, Phone):
        return value
    digits = "".join(filter(str.isdigit, str(value)))
    if not 5 <= len(digits) <= 15:
        raise ValidationError("That is no number.", code="invalid")
    return Phone(digits)


class PhoneMixin:
    def from_db_value(self, value, expression, connection):
        return read_phone(value)

    def to_python(self, value):
        return read_phone(value)

    def get_prep_value(self, value):
        phone = read_phone(value)
        return phone and phone.digits


class PhoneField(PhoneMixin, models.CharField):
    def value_to_string(self, obj):
        return self.get_prep_value(self.value_from_object(obj))


class BarePhoneField(PhoneMixin, models.Field):
    def get_internal_type(self):
        return "CharField"


class PhoneIdentifier(AnyUser):
    phone = PhoneField(unique=True, max_length=20)

    USERNAME_FIELD = "phone"
    ADA, GRACE = {"phone": "+44 (20) 7946-0001"}, {"phone": "442079460002"}
    OTHER_SPELLINGS = ["442079460001"]

    class Meta:
        swappable = SWAPPABLE


class BarePhoneIdentifier(AnyUser):
    phone = BarePhoneField(unique=True, max_length=20)

    USERNAME_FIELD = "phone"
    ADA, GRACE = {"phone": "+44 (20) 7946-0001"}, {"phone": "442079460002"}

    class Meta:
        swappable = SWAPPABLE


class Person(models.Model):
    """Somebody whom the project knows before they sign up."""

    name = models.CharField(max_length=20)

    def __str__(self):
        return self.name


class RelationIdentifier(AnyUser):
    person = models.OneToOneField(Person, models.CASCADE)

    USERNAME_FIELD = "person"
    ADA, GRACE = {"person": 1}, {"person": 2}

    class Meta:
        swappable = SWAPPABLE


class MadeUpIdentifier(AnyUser):
    """The model gives out the identifier."""

    card = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)

    USERNAME_FIELD = "card"
    ADA, GRACE = {}, {}

    class Meta:
        swappable = SWAPPABLE


# --- Keys -----------------------------------------------------------------------------------------------------------


class RelationKey(AnyUser):
    person = models.OneToOneField(Person, models.CASCADE, primary_key=True)
    email = models.EmailField(unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["person"]
    ADA, GRACE = {"email": "ada@example.com", "person": 1}, {"email": "grace@example.com", "person": 2}
    TAKEN = [{"email": "eve@example.com", "person": 1}]

    class Meta:
        swappable = SWAPPABLE


class PhoneKey(AnyUser):
    """The identifier is the key, and its Python value is no text."""

    phone = PhoneField(primary_key=True, max_length=20)

    USERNAME_FIELD = "phone"
    ADA, GRACE = {"phone": "+44 20 7946 0001"}, {"phone": "442079460002"}

    class Meta:
        swappable = SWAPPABLE


class BarePhoneKey(AnyUser):
    """The key has no text but its place in memory."""

    ADMIN = False

    phone = BarePhoneField(primary_key=True, max_length=20)

    USERNAME_FIELD = "phone"
    ADA, GRACE = {"phone": "+44 20 7946 0001"}, {"phone": "442079460002"}

    class Meta:
        swappable = SWAPPABLE


class Account(AnyUser):
    email = models.EmailField(unique=True)

    USERNAME_FIELD = "email"


class InheritedKey(Account):
    """Two tables: the key is the link to the parent."""

    city = models.CharField(max_length=20)

    REQUIRED_FIELDS = ["city"]
    ADA = {"email": "ada@example.com", "city": "London"}
    GRACE = {"email": "grace@example.com", "city": "New York"}

    class Meta:
        swappable = SWAPPABLE


# --- Managers -------------------------------------------------------------------------------------------------------


class NamedUser(AnyUser):
    username = models.CharField(max_length=50, unique=True)

    USERNAME_FIELD = "username"
    ADA, GRACE = {"username": "ada"}, {"username": "grace"}

    class Meta:
        abstract = True


class AnnotatingManager(AnyUserManager):
    def get_queryset(self):
        return super().get_queryset().annotate(memberships=models.Count("groups"))


class Annotated(NamedUser):
    """``memberships`` is there wherever Django's own sessions give the user, and views rely on it."""

    objects = AnnotatingManager()

    class Meta:
        swappable = SWAPPABLE

    @property
    def described(self):
        return {"memberships": self.memberships}


class JoiningManager(AnyUserManager):
    def get_queryset(self):
        return super().get_queryset().select_related("person").prefetch_related("groups").defer("person__name")


class Joined(NamedUser):
    person = models.ForeignKey(Person, models.CASCADE, null=True, blank=True)

    objects = JoiningManager()

    class Meta:
        swappable = SWAPPABLE


class HidingManager(AnyUserManager):
    def get_queryset(self):
        return super().get_queryset().exclude(username="ghost")


class Hidden(NamedUser):
    """A ghost holds the badge 13."""

    badge = models.IntegerField(unique=True)

    objects = HidingManager()

    REQUIRED_FIELDS = ["badge"]
    ADA, GRACE = {"username": "ada", "badge": 1}, {"username": "grace", "badge": 2}
    TAKEN = [{"username": "ghost", "badge": 3}, {"username": "lovelace", "badge": 13}]

    class Meta:
        swappable = SWAPPABLE

    @classmethod
    def prepare(cls):
        cls(username="ghost", badge=13).save()


class QuerySetAsManager(models.QuerySet):
    def get_by_natural_key(self, username):
        return self.get(username=username)

    def create_user(self, username, password=None):
        user = self.model(username=username)
        user.set_password(password)
        user.save(using=self._db)
        return user


class FromQuerySet(NamedUser):
    objects = QuerySetAsManager.as_manager()

    class Meta:
        swappable = SWAPPABLE


class CaseInsensitiveManager(AnyUserManager):
    def get_by_natural_key(self, username):
        return self.get(username__iexact=username)


class CaseInsensitive(NamedUser):
    """Two accounts differ in case only: neither name is anybody's."""

    objects = CaseInsensitiveManager()

    TAKEN = [{"username": "ADA"}]
    OTHER_SPELLINGS = ["ADA", "Ada"]
    NOBODY = ["Twin", "twin", "TWIN"]

    class Meta:
        swappable = SWAPPABLE

    @classmethod
    def prepare(cls):
        for username in ("twin", "Twin"):
            cls.objects.create_user(username=username, password="correct horse battery 9")


class Unnamed(NamedUser):
    """``__str__`` raises where somebody has no profile."""

    person = models.OneToOneField(Person, models.CASCADE, null=True, blank=True)

    class Meta:
        swappable = SWAPPABLE

    def __str__(self):
        return self.person.name


# --- Signing up -----------------------------------------------------------------------------------------------------


class NamingManager(BaseUserManager):
    """As in Django's documentation: it takes what is required, by name, and nothing else."""

    def create_user(self, email, date_of_birth, password=None):
        user = self.model(email=self.normalize_email(email), date_of_birth=date_of_birth)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email, date_of_birth, password=None):
        user = self.create_user(email, date_of_birth, password)
        user.is_staff = user.is_superuser = True
        user.save(using=self._db)
        return user


class NarrowManager(AnyUser):
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=50, blank=True)
    date_of_birth = models.DateField()

    objects = NamingManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["date_of_birth"]
    ADA = {"email": "ada@example.com", "date_of_birth": "1815-12-10", "name": "Ada"}
    GRACE = {"email": "grace@example.com", "date_of_birth": "1906-12-09", "name": ""}

    class Meta:
        swappable = SWAPPABLE


class NullableRequired(NamedUser):
    """Required, although the database would do without."""

    nickname = models.CharField(max_length=20, null=True)  # noqa: DJ001  # projects have such fields
    country = models.CharField(max_length=2, default="GB")
    friends = models.ManyToManyField(Person, blank=True)

    REQUIRED_FIELDS = ["nickname", "country", "friends"]
    ADA = {"username": "ada", "nickname": "A.", "country": "GB", "friends": [1, 2]}
    GRACE = {"username": "grace", "nickname": "G.", "country": "US", "friends": []}
    REFUSED = [
        {"username": "eve", "nickname": None, "country": "GB", "friends": []},
        {"username": "eve", "nickname": "E.", "country": None, "friends": []},
        {"username": "eve", "nickname": "E.", "country": "GB", "friends": [99]},
        {"username": "eve", "nickname": "E.", "country": "GB", "friends": None},
    ]

    class Meta:
        swappable = SWAPPABLE


class OptionalUniqueEmail(Corner, AbstractUser):
    """Django's manager stores "" where no address is given, and one account alone may have that."""

    email = models.EmailField(unique=True, blank=True)

    objects = UserManager()

    REQUIRED_FIELDS = []
    ADA = {"username": "ada", "email": "ada@example.com"}
    GRACE = {"username": "grace", "email": "grace@example.com"}
    REFUSED = [{"username": "eve"}, {"username": "eve", "email": ""}]

    class Meta:
        swappable = SWAPPABLE


class EmptyNullableEmail(Corner, AbstractUser):
    """Many may have none, but Django's manager stores "" for it."""

    email = models.EmailField(unique=True, null=True, blank=True)

    objects = UserManager()

    REQUIRED_FIELDS = []
    ADA, GRACE = {"username": "ada"}, {"username": "grace", "email": "grace@example.com"}
    REFUSED_AS_SECOND = [{"username": "eve"}, {"username": "eve", "email": ""}, {"username": "eve", "email": None}]

    class Meta:
        swappable = SWAPPABLE


class AskingManager(AnyUserManager):
    def create_user(self, username, email, password=None):
        return super().create_user(password, username=username, email=email)


class ManagerAsksForEmail(NamedUser):
    """``create_user()`` cannot do without the field that sign-up only offers elsewhere."""

    email = models.EmailField(blank=True)

    objects = AskingManager()

    ADA = {"username": "ada", "email": "ada@example.com"}
    GRACE = {"username": "grace", "email": "grace@example.com"}
    REFUSED = [{"username": "eve"}]

    class Meta:
        swappable = SWAPPABLE


class StrictManager(AnyUserManager):
    def create_user(self, username, email=None, password=None):
        if not email:
            raise ValueError("Users must have an email address")
        return super().create_user(password, username=username, email=email)


class ManagerRaisesValueError(NamedUser):
    """As the managers of many projects do, after Django's own."""

    email = models.EmailField(blank=True)

    objects = StrictManager()

    ADA = {"username": "ada", "email": "ada@example.com"}
    GRACE = {"username": "grace", "email": "grace@example.com"}
    REFUSED = [{"username": "eve"}]

    class Meta:
        swappable = SWAPPABLE


class DemandingManager(AnyUserManager):
    def create_user(self, username, tenant, password=None):
        raise AssertionError("nobody gets here")


class ManagerAsksForMore(NamedUser):
    """Nobody can sign up, and the check says so."""

    objects = DemandingManager()

    ADA = GRACE = None
    CHECKS = ["fastauth_django.E057"]

    class Meta:
        swappable = SWAPPABLE


class SaltedManager(AnyUserManager):
    def create_user(self, username, raw_password):
        raise AssertionError("nobody gets here")


class ManagerTakesNoPassword(NamedUser):
    """A password is never written in any other way."""

    objects = SaltedManager()

    ADA = GRACE = None
    CHECKS = ["fastauth_django.E057"]

    class Meta:
        swappable = SWAPPABLE


class OptionalNullableEmail(NamedUser):
    email = models.EmailField(unique=True, null=True, blank=True)  # so that many may have none

    class Meta:
        swappable = SWAPPABLE


class FoldsOnSave(NamedUser):
    ADA = {"username": "Ada"}
    TAKEN = [{"username": "ADA"}]
    OTHER_SPELLINGS = ["ada", "ADA"]

    class Meta:
        swappable = SWAPPABLE

    def save(self, *args, **kwargs):
        self.username = self.username.lower()
        super().save(*args, **kwargs)


class ValidatesOnSave(NamedUser):
    """Refuses what its own rules refuse, whoever saves it."""

    city = models.CharField(max_length=20)

    REQUIRED_FIELDS = ["city"]
    ADA, GRACE = {"username": "ada", "city": "London"}, {"username": "grace", "city": "New York"}
    REFUSED = [{"username": "eve", "city": "Atlantis"}]

    class Meta:
        swappable = SWAPPABLE
        constraints = [models.UniqueConstraint(Lower("username"), name="one_case")]

    def clean(self):
        super().clean()
        if self.city == "Atlantis":
            raise ValidationError({"city": "There is no such city."})

    def save(self, *args, **kwargs):
        self.full_clean(exclude=["password"] if kwargs.get("update_fields") else None)
        super().save(*args, **kwargs)


class RefusingManager(AnyUserManager):
    def create_user(self, username, password=None, **fields):
        if username == "root":
            raise ValidationError("Nobody is called that.")
        return super().create_user(password, username=username, **fields)


class ManagerRefuses(NamedUser):
    objects = RefusingManager()

    REFUSED = [{"username": "root"}]

    class Meta:
        swappable = SWAPPABLE


class UnaskedUnique(NamedUser):
    """A field that must differ, which nobody asks for: the first account has "", and there is no second."""

    badge = models.CharField(max_length=20, unique=True)

    GRACE = None
    REFUSED_AS_SECOND = [{"username": "grace"}]
    CHECKS = ["fastauth_django.W058"]

    class Meta:
        swappable = SWAPPABLE


class UnaskedNotNull(NamedUser):
    """A field that the database needs, which nobody asks for: nobody can sign up."""

    badge = models.IntegerField()

    ADA = GRACE = None
    REFUSED = [{"username": "ada"}]
    CHECKS = ["fastauth_django.W058"]

    class Meta:
        swappable = SWAPPABLE


class UnaskedKey(NamedUser):
    """The key is somebody whom nobody is asked for."""

    person = models.OneToOneField(Person, models.CASCADE, primary_key=True)

    ADA = GRACE = None
    REFUSED = [{"username": "ada"}]
    CHECKS = ["fastauth_django.W058"]

    class Meta:
        swappable = SWAPPABLE


# --- Rules and fields that REST framework has ways of its own for ---------------------------------------------------


class RuleOverTwo(AbstractUser, Corner):
    """The commonest rule over two fields: REST framework would make one optional and required at once."""

    ADA = {"username": "ada", "email": "ada@example.com"}
    GRACE = {"username": "grace", "email": "ada@example.com"}
    REFUSED = [{}, {"username": "ada"}]

    class Meta(AbstractUser.Meta):
        swappable = SWAPPABLE
        unique_together = [("username", "email")]


class Tenanted(NamedUser):
    """An address is of one account of a tenant, and the tenant has a default."""

    email = models.EmailField()
    tenant = models.IntegerField(default=1)

    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["email", "tenant"]
    ADA = {"username": "ada", "email": "ada@example.com", "tenant": 1}
    GRACE = {"username": "grace", "email": "ada@example.com", "tenant": 2}
    TAKEN = [{"username": "eve", "email": "ada@example.com", "tenant": 1}]

    class Meta:
        swappable = SWAPPABLE
        constraints = [models.UniqueConstraint(fields=["tenant", "email"], name="one_address_in_a_tenant")]


class GeneratedUnique(NamedUser):
    """The database alone knows a field that must differ."""

    lower = models.GeneratedField(
        expression=Lower("username"), output_field=models.CharField(max_length=254), db_persist=True, unique=True
    )

    ADA, GRACE = {"username": "ada"}, {"username": "grace"}
    TAKEN = [{"username": "ADA"}]
    OTHER_SPELLINGS = ["ADA"]

    class Meta:
        swappable = SWAPPABLE


class MappedAddressIdentifier(AnyUser):
    """REST framework reads an address of the network in another spelling than the field does."""

    address = models.GenericIPAddressField(unique=True)

    USERNAME_FIELD = "address"
    ADA, GRACE = {"address": "::ffff:10.0.0.1"}, {"address": "2001:DB8::1"}
    OTHER_SPELLINGS = ["10.0.0.1"]

    class Meta:
        swappable = SWAPPABLE


class DurationIdentifier(AnyUser):
    lap = models.DurationField(unique=True)

    USERNAME_FIELD = "lap"
    ADA, GRACE = {"lap": "00:01:30"}, {"lap": "95"}
    REFUSED = [{"lap": "nobody@example.com"}]
    NOBODY = ["nobody@example.com", "-1", "3fa85f64-5717-4562-b3fc-2c963f66afa6", "NaN"]

    class Meta:
        swappable = SWAPPABLE


class BinaryRequired(NamedUser):
    """A field that REST framework has none for, whose ``to_python`` raises this and that."""

    seal = models.BinaryField(editable=True)

    REQUIRED_FIELDS = ["seal"]
    ADA, GRACE = {"username": "ada", "seal": "YWRh"}, {"username": "grace", "seal": "Z3JhY2U="}
    REFUSED = [{"username": "eve", "seal": seal} for seal in ("1", "ä")]

    class Meta:
        swappable = SWAPPABLE


class AddressOfItsOwn(NamedUser):
    """The email field is no text."""

    email = models.JSONField(default=dict)

    EMAIL_FIELD = "email"
    ADA, GRACE = {"username": "ada", "email": {"home": "ada@example.com"}}, {"username": "grace"}
    ADMIN = False  # Nothing to search in.

    class Meta:
        swappable = SWAPPABLE


class Planned(NamedUser):
    """A choice is repeated by the refusal."""

    plan = models.CharField(max_length=10, choices=[("free", "Free")])

    REQUIRED_FIELDS = ["plan"]
    ADA, GRACE = {"username": "ada", "plan": "free"}, {"username": "grace", "plan": "free"}
    REFUSED = [{"username": "eve", "plan": plan} for plan in ("", "paid")]

    class Meta:
        swappable = SWAPPABLE


class OrganisationByKey(NamedUser):
    """``REQUIRED_FIELDS`` names the column of a relation."""

    person = models.ForeignKey(Person, models.CASCADE, null=True)

    REQUIRED_FIELDS = ["person_id"]
    ADA, GRACE = {"username": "ada", "person": 1}, {"username": "grace", "person": 1}
    REFUSED = [{"username": "eve"}]

    class Meta:
        swappable = SWAPPABLE


class WithoutHash(NamedUser):
    """Accounts that came by another way have NULL for a hash."""

    password = models.CharField(max_length=128, null=True)  # noqa: DJ001

    ADA, GRACE = {"username": "ada"}, {"username": "grace"}
    NOBODY = ["eve"]
    TAKEN = [{"username": "eve"}]

    class Meta:
        swappable = SWAPPABLE

    @classmethod
    def prepare(cls):
        cls._default_manager.bulk_create([cls(username="eve", password=None)])
