const api = process.env.API;
const forms = {
  "one-line": api,
  "keeps-host": { target: api },
  "changes-origin": { target: api, changeOrigin: true },
  "says-host": { target: api, changeOrigin: true, xfwd: true },
};

export default {
  appType: "custom",
  server: { proxy: Object.fromEntries(["/auth", "/notes", "/page", "/static"].map((path) => [path, forms[process.env.FORM]])) },
};
