"""User models as projects have them, each with one thing that is not as usual, and what a visitor meets there."""
