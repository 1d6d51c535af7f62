"""The client as npm packs it: what is in it, its types, its size, and a server that renders with it."""

import json
import re
import shutil

import pytest

from tests.browser.npm import run, run_module
from tests.browser.servers import ROOT

pytestmark = pytest.mark.browser

PAGE = (ROOT / "docs/front-ends/javascript-client.md").read_text()
USE = ROOT / "tests/client/types/use.ts"
TSC = ["node", "node_modules/typescript/bin/tsc", "--strict", "--noEmit", "--target", "es2022", "--lib", "es2023,dom"]

#: What a server renders that has no page. Made once in the module, as an app does.
RENDER = """
import { createClient } from "fastauth-django-client";
import { useAuth } from "fastauth-django-client/react";
import { createElement } from "react";
import { renderToString } from "react-dom/server";

const auth = createClient();
auth.onChange(() => {});
console.log(renderToString(createElement(() => JSON.stringify(useAuth(auth).signedIn))));
"""
#: What is left of the client in an app's bundle, minified, as it is and compressed.
MEASURE = """
import { gzipSync } from "node:zlib";
import { build } from "vite";

const code = 'import { createClient } from "fastauth-django-client"; globalThis.auth = createClient();';
const entry = { name: "entry", resolveId: (id) => (id === "entry" ? `${process.cwd()}/entry.js` : null),
                load: (id) => (id.endsWith("/entry.js") ? code : null) };
const options = { write: false, modulePreload: false, rollupOptions: { input: "entry" } };
const { output: [chunk] } = await build({ configFile: false, logLevel: "error", plugins: [entry], build: options });
console.log(JSON.stringify([chunk.code.length, gzipSync(chunk.code, { level: 9 }).length]));
"""


@pytest.fixture
def project(react_app, tmp_path):
    """A folder with the packages of the app, and the sample."""
    (tmp_path / "node_modules").symlink_to(react_app / "node_modules")
    shutil.copy(USE, tmp_path)
    return tmp_path


def test_every_file_that_the_package_exports_is_in_it(react_app):
    package = react_app / "node_modules/fastauth-django-client"
    manifest = json.loads((package / "package.json").read_text())
    exported = re.findall(r'"\./([\w.-]+\.\w+)"', json.dumps(manifest["exports"]))
    assert {"fastauth.js", "fastauth.d.ts", "react.js", "react.d.ts"} <= set(exported)
    assert {path.name for path in package.iterdir()} == {*exported, "package.json"}
    assert "dependencies" not in manifest


@pytest.mark.parametrize("resolution", ["bundler", "nodenext"])
def test_types_are_strict(project, resolution):
    module = {"bundler": "esnext", "nodenext": "nodenext"}[resolution]
    strict = ["--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"]
    run(project, *TSC, *strict, "--module", module, "--moduleResolution", resolution, "use.ts")


def test_the_source_is_as_its_types_say(project):
    client = project / "node_modules/fastauth-django-client"
    for source in client.glob("*.?s"):
        shutil.copy(source, project)
    options = ["--allowJs", "--checkJs", "--allowImportingTsExtensions", "--types", "react"]
    run(project, *TSC, *options, "--module", "esnext", "--moduleResolution", "bundler", "fastauth.js", "react.js")


def test_a_server_renders_with_it_and_ends(react_app):
    assert run_module(react_app, RENDER) == "null\n"


def test_size_is_as_the_page_says(react_app):
    told = [float(size) for size in re.search(r"([\d.]+) kB minified, ([\d.]+) kB compressed", PAGE).groups()]
    assert [round(size / 1000, 1) for size in json.loads(run_module(react_app, MEASURE))] == told
