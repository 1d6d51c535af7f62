"""``python -m benchmarks.scale.people NUMBER`` makes the accounts of the people who will sign in."""

import sys

PASSWORD = "correct horse battery 9"


def address(number: int) -> str:
    """The mail address of a person."""
    return f"person-{number}@example.com"


def main(number: int) -> None:
    import django

    django.setup()
    from django.contrib.auth import get_user_model
    from django.contrib.auth.hashers import make_password

    User = get_user_model()
    # One hash for all: making it is the cost, and nobody compares them.
    password = make_password(PASSWORD)
    User.objects.bulk_create(User(email=address(person), password=password) for person in range(number))


if __name__ == "__main__":
    main(int(sys.argv[1]))
