"""A project's module that cannot be imported."""

raise RuntimeError("the module is broken")
