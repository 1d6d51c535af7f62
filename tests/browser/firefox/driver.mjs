// Drives Firefox for the tests: node driver.mjs EXECUTABLE HOSTS. A line of JSON in is a command, a line of JSON out is
// its result. Ends, and Firefox with it, when stdin does.

import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

const [executablePath, hosts] = process.argv.slice(2);
const firefox = await puppeteer.launch({
  browser: "firefox",
  executablePath,
  headless: true,
  acceptInsecureCerts: true,
  extraPrefsFirefox: { "network.dns.localDomains": hosts, "network.dns.disableIPv6": true },
});
const profiles = [];
const tabs = [];

const commands = {
  async newProfile() {
    return profiles.push(await firefox.createBrowserContext()) - 1;
  },
  async newTab({ profile }) {
    return tabs.push(await profiles[profile].newPage()) - 1;
  },
  go: ({ tab, url }) => tabs[tab].goto(url).then(() => null),
  reload: ({ tab }) => tabs[tab].reload().then(() => null),
  run: ({ tab, script }) => tabs[tab].evaluate(script),
  cookies: ({ profile }) => profiles[profile].cookies(),
  deleteCookie: ({ profile, cookie }) => profiles[profile].deleteCookie(cookie),
  close: ({ profile }) => profiles[profile].close(),
};

process.stdout.write('{"result": "ready"}\n');
for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...options } = JSON.parse(line);
  const answer = await commands[command](options).then(
    (result) => ({ result: result ?? null }),
    (error) => ({ error: String(error.stack ?? error) }),
  );
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await firefox.close();
