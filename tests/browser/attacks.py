"""What a page can do to another origin without being allowed to.

Each function sends one request from the page in a tab, and waits for its end.
"""

from typing import Any

SUBMIT = """({ action, enctype, fields, referrer, target }) => {
    const form = Object.assign(document.createElement("form"), { action, enctype, method: "POST", target });
    for (const [name, value] of Object.entries(fields)) {
        form.append(Object.assign(document.createElement("input"), { name, value }));
    }
    if (!referrer) {
        const silence = { name: "referrer", content: "no-referrer" };
        document.head.append(Object.assign(document.createElement("meta"), silence));
    }
    document.body.append(form);
    HTMLFormElement.prototype.submit.call(form);
}"""


def _submit(tab: Any, url: str, fields: dict[str, str], *, enctype: str, referrer: bool = True) -> None:
    with tab.page.expect_navigation(url=url):
        tab.run(SUBMIT, {"action": url, "enctype": enctype, "fields": fields, "referrer": referrer, "target": ""})


def form_urlencoded(tab, url, fields):
    _submit(tab, url, fields, enctype="application/x-www-form-urlencoded")


def form_multipart(tab, url, fields):
    _submit(tab, url, fields, enctype="multipart/form-data")


def form_text(tab, url, fields):
    _submit(tab, url, fields, enctype="text/plain")


def form_without_referrer(tab, url, fields):
    """Its Origin is "null"."""
    _submit(tab, url, fields, enctype="application/x-www-form-urlencoded", referrer=False)


def form_in_a_frame(tab, url, fields):
    tab.run(
        """(url, fields, submit) => new Promise((resolve) => {
            const target = `hidden${document.querySelectorAll("iframe").length}`;
            const frame = Object.assign(document.createElement("iframe"), { name: target });
            document.body.append(frame);
            frame.onload = resolve;
            const enctype = "application/x-www-form-urlencoded";
            eval(submit)({ action: url, enctype, fields, referrer: true, target });
        })""",
        url,
        fields,
        SUBMIT,
    )


def form_in_a_sandbox(tab, url, fields):
    """Its Origin is "null", and the frame tries to look like nobody."""
    tab.run(
        """(url, fields, submit) => new Promise((resolve) => {
            const enctype = "application/x-www-form-urlencoded";
            const options = { action: url, enctype, fields, referrer: true, target: "" };
            const frame = document.createElement("iframe");
            frame.sandbox = "allow-scripts allow-forms";
            frame.srcdoc = `<head></head><body>
                <script>onmessage = () => (${submit})(${JSON.stringify(options)})<\\/script>`;
            frame.onload = () => {
                frame.onload = resolve;
                frame.contentWindow.postMessage("now", "*");
            };
            document.body.append(frame);
        })""",
        url,
        fields,
        SUBMIT,
    )


def _fetch(tab: Any, url: str, options: str, fields: dict[str, str]) -> str:
    """Returns whether the page could read the answer."""
    return tab.run(
        f"""(url, fields) => fetch(url, {{ credentials: "include", {options} }})
            .then((response) => response.type === "opaque" ? "sent" : "read", () => "refused")""",
        url,
        fields,
    )


def fetch_urlencoded(tab, url, fields):
    _fetch(tab, url, 'method: "POST", mode: "no-cors", body: new URLSearchParams(fields)', fields)


def fetch_text(tab, url, fields):
    """JSON that says it is text, which needs no preflight."""
    _fetch(tab, url, 'method: "POST", mode: "no-cors", body: JSON.stringify(fields)', fields)


def fetch_readable(tab, url, fields):
    """A simple request whose answer the page wants to read."""
    form = "Object.entries(fields).reduce((form, [name, value]) => (form.append(name, value), form), new FormData())"
    assert _fetch(tab, url, f'method: "POST", mode: "cors", body: {form}', fields) == "refused"


def fetch_json(tab, url, fields):
    """Needs a preflight."""
    options = 'method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(fields)'
    assert _fetch(tab, url, options, fields) == "refused"


def fetch_delete(tab, url, fields):
    """Needs a preflight."""
    assert _fetch(tab, url, 'method: "DELETE"', fields) == "refused"


def image(tab, url, fields):
    tab.run(
        """(src) => new Promise((resolve) => {
            document.body.append(Object.assign(new Image(), { onload: resolve, onerror: resolve, src }));
        })""",
        url,
    )


def frame(tab, url, fields):
    tab.run(
        """(src) => new Promise((resolve) => {
            document.body.append(Object.assign(document.createElement("iframe"), { onload: resolve, src }));
        })""",
        url,
    )


def link(tab, url, fields):
    with tab.page.expect_navigation(url=url):
        tab.run("(href) => { location.href = href }", url)


#: A POST that needs no preflight.
SIMPLE = [
    form_urlencoded,
    form_multipart,
    form_text,
    form_without_referrer,
    form_in_a_frame,
    form_in_a_sandbox,
    fetch_urlencoded,
    fetch_text,
    fetch_readable,
]
PREFLIGHTED = [fetch_json, fetch_delete]
GET = [image, frame, link]
