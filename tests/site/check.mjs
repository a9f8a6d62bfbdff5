// Looks at pages in a browser, for tests/test_commands/test_site.py: node tests/site/check.mjs ADDRESS...
// Needs node, Chromium (environment variable CHROMIUM: its path), and the packages playwright-core and axe-core in a
// folder that NODE_PATH names. Prints a JSON list of findings, {page, what}; an empty list is a good site. Findings:
// errors on the console, anything asked of another host, what axe-core calls serious or critical in light and dark mode,
// a search (ADDRESS with ?q=) that finds nothing, pages that scroll sideways on a phone 360 pixels wide, and
// pictures that dark mode changes.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const axe = require.resolve("axe-core/axe.min.js");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
const findings = [];
for (const address of process.argv.slice(2)) {
  const found = (what) => findings.push({ page: address, what });
  const host = new URL(address).host;
  for (const colorScheme of ["light", "dark"]) {
    const context = await browser.newContext({ colorScheme, reducedMotion: "reduce" });
    const page = await context.newPage();
    page.on("console", (message) => message.type() === "error" && found(`console: ${message.text()}`));
    page.on("pageerror", (error) => found(`error: ${error.message}`));
    page.on("request", (request) => {
      const asked = new URL(request.url());
      if (asked.host !== host && asked.protocol !== "data:") found(`asks ${asked}`);
    });
    const answer = await page.goto(address, { waitUntil: "load" });
    if (answer && !answer.ok()) found(`status ${answer.status()}`);
    const mode = await page.evaluate(() => document.documentElement.dataset.theme);
    if (mode !== colorScheme) found(`theme ${mode} in ${colorScheme} mode`);
    if (new URL(address).searchParams.has("q")) {
      const results = page.locator("#search-results li a");
      await results.first().waitFor({ timeout: 20000 }).catch(() => found("the search finds nothing"));
    }
    await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
    await page.addScriptTag({ path: axe });
    const { violations } = await page.evaluate(() => axe.run({ resultTypes: ["violations"], preload: false }));
    for (const { id, impact, nodes } of violations) {
      if (impact === "serious" || impact === "critical")
        found(`axe in ${colorScheme} mode, ${impact}, ${id} ×${nodes.length}: ${nodes[0].html.slice(0, 200)}`);
    }
    const filtered = await page.evaluate(() =>
      [...document.querySelectorAll(".bd-article img")]
        .filter((image) => getComputedStyle(image).filter !== "none" || !image.complete || !image.naturalWidth)
        .map((image) => image.src.split("/").pop()),
    );
    if (filtered.length) found(`pictures that are missing, or that ${colorScheme} mode changes: ${filtered}`);
    await page.setViewportSize({ width: 360, height: 740 });
    const sideways = await page.evaluate(() => {
      const width = document.documentElement.clientWidth;
      const wide = [...document.querySelectorAll(".bd-article *")].filter((e) => e.getBoundingClientRect().right > width + 1);
      return [document.documentElement.scrollWidth - width, wide[0]?.outerHTML.slice(0, 120)];
    });
    if (sideways[0] > 0) found(`scrolls sideways by ${sideways[0]} pixels at 360: ${sideways[1]}`);
    await context.close();
  }
}
await browser.close();
console.log(JSON.stringify(findings, null, 1));
