const api = process.env.API;
const names = ["auth", "notes", "page", "static"];

export default {
  compatibilityDate: "2026-11-01",
  routeRules: Object.fromEntries(names.flatMap((name) => [
    [`/${name}`, { proxy: `${api}/${name}` }],
    [`/${name}/**`, { proxy: `${api}/${name}/**` }],
  ])),
};
