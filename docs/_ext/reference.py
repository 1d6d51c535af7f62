"""The references of settings, checks and fields, rendered from the code so that they cannot drift from it.

``settings-reference``, ``checks-reference`` and ``model-reference`` are the directives; the roles ``setting`` and
``check`` link to their entries, and a name that does not exist breaks the build.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from string import Formatter

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from fastauth_django.checks import REFERENCE
from fastauth_django.checks.messages import Message
from fastauth_django.conf import Settings
from fastauth_django.models import AuthSession


def words(text: str) -> Iterator[nodes.Node]:
    """Text from the code, in which the names of settings stand out."""
    for part in re.split(rf"(?<![\w.'])({'|'.join(Settings.declared())})(?!\w)", text):
        yield nodes.literal(text=part) if part in Settings.declared() else nodes.Text(part)


def message(template: str) -> Iterator[nodes.Node]:
    """A message of ``manage.py check``, its placeholders in italics."""
    for text, placeholder, _format, _conversion in Formatter().parse(template):
        yield from words(text)
        if placeholder:
            yield nodes.emphasis(text=placeholder)


def is_python(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return False
    return True


def paragraph(*content: nodes.Node) -> nodes.paragraph:
    return nodes.paragraph("", "", *content)


def table_row(*cells: list[nodes.paragraph]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", *cell) for cell in cells))


def follow(env: BuildEnvironment, described: type) -> None:
    """Have the page built anew when the module of ``described`` changes, although the page did not."""
    env.note_dependency(inspect.getfile(described))


class ReferenceDirective(SphinxDirective):
    def anchor(self, kind: str, name: str) -> str:
        """The id of an entry, to which its role links."""
        anchor = nodes.make_id(f"{kind}-{name}")
        self.env.domains.standard_domain.note_object(kind, name, anchor, location=self.get_location())
        return anchor


class SettingsReference(ReferenceDirective):
    """A table: key and type, default, meaning."""

    def run(self) -> list[nodes.Node]:
        follow(self.env, Settings)
        table = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in (37, 23, 40)), cols=3)
        titles = [[paragraph(nodes.Text(title))] for title in ("Key and type", "Default", "Meaning")]
        table += nodes.thead("", table_row(*titles))
        table += nodes.tbody("", *(self.row(name) for name in Settings.declared()))
        return [nodes.table("", table, classes=["settings-reference", "colwidths-given"])]

    def row(self, name: str) -> nodes.row:
        setting = Settings.declared()[name]
        key = paragraph(nodes.literal(text=name))
        key["ids"].append(self.anchor("setting", name))
        default = setting.default_text
        return table_row(
            [key, paragraph(*words(setting.kind_text))],
            [paragraph(*([nodes.literal(text=default)] if is_python(default) else words(default)))],
            [paragraph(*words(setting.doc))],
        )


class ChecksReference(ReferenceDirective):
    """A list: id and level, message, hint."""

    def run(self) -> list[nodes.Node]:
        follow(self.env, Message)
        entries = nodes.definition_list()
        for check in sorted(REFERENCE.values(), key=lambda check: check.id):
            level = check.level.lower() + (", only with --deploy" if check.deploy else "")
            term = nodes.term("", "", nodes.literal(text=check.id), nodes.Text(f" ({level})"))
            term["ids"].append(self.anchor("check", check.id))
            meaning = nodes.definition("", paragraph(*message(check.text)))
            if any(text for text, *_placeholder in Formatter().parse(check.hint)):
                meaning += paragraph(*message(check.hint))
            entries += nodes.definition_list_item("", term, meaning)
        return [entries]


class ModelReference(SphinxDirective):
    """A table: field, type, meaning."""

    def run(self) -> list[nodes.Node]:
        follow(self.env, AuthSession)
        table = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in (25, 30, 45)), cols=3)
        table += nodes.thead("", table_row(*([paragraph(nodes.Text(title))] for title in ("Field", "Type", "Meaning"))))
        rows = []
        for field in AuthSession._meta.concrete_fields:
            meaning: list[nodes.Node] = [nodes.Text(str(field.help_text or field.verbose_name))]
            for number, (value, _label) in enumerate(field.choices or ()):
                meaning += [nodes.Text(", " if number else ": "), nodes.literal(text=value)]
            cells = [nodes.literal(text=field.name)], [nodes.literal(text=type(field).__name__)], meaning
            rows.append(table_row(*([paragraph(*cell)] for cell in cells)))
        table += nodes.tbody("", *rows)
        return [nodes.table("", table)]


def setup(app: Sphinx) -> ExtensionMetadata:
    app.add_object_type("setting", "setting", objname="FASTAUTH key")
    app.add_object_type("check", "check", objname="system check")
    app.add_directive("settings-reference", SettingsReference)
    app.add_directive("checks-reference", ChecksReference)
    app.add_directive("model-reference", ModelReference)
    return {"version": "1", "parallel_read_safe": True}
