// Opens a lab in a running JupyterLab, runs all its cells, moves every control, and says what it saw, as one line of JSON.
//   node browser.cjs ADDRESS LAB [PICTURE]
// Needs playwright-core (found by NODE_PATH) and Chromium (by CHROMIUM). A PICTURE is first uploaded by JupyterLab's own
// button. test_browser.py judges what is said.
const { chromium } = require("playwright-core");

const [address, lab, picture] = process.argv.slice(2);
const PATIENCE = 300000; // milliseconds for all cells
const scroller = () => document.querySelector(".jp-WindowedPanel-outer") || document.querySelector(".jp-Notebook");

async function places(page, selector) {
  // Cells out of sight are not in the page: scroll through it and note where something shows.
  return page.evaluate(async ([selector, source]) => {
    const panel = eval(source)();
    const found = [];
    for (let top = 0; top < panel.scrollHeight; top += 400) {
      panel.scrollTop = top;
      await new Promise((resolve) => setTimeout(resolve, 200));
      for (const element of document.querySelectorAll(selector)) {
        if (!element.dataset.noted) {
          element.dataset.noted = "yes";
          found.push(top);
        }
      }
    }
    return [...new Set(found)];
  }, [selector, `(${scroller})`]);
}

async function show(page, top) {
  await page.evaluate(([top, source]) => (eval(source)().scrollTop = top), [top, `(${scroller})`]);
  await page.waitForTimeout(1500);
}

async function follow(page, box, act) {
  // Does `act` and looks at the box's picture in every frame until it stands still: whether it changed, the seconds from
  // the last input to the last change, the frames without a picture, and the sizes seen.
  const watch = await box.evaluateHandle((element) => {
    const watch = { input: 0, changed: 0, blank: 0, sizes: new Set(), alt: element.querySelector("img")?.alt };
    for (const kind of ["keydown", "change", "pointerup"]) {
      element.addEventListener(kind, () => (watch.input = performance.now()), true);
    }
    watch.look = () => {
      const picture = element.querySelector("img");
      if (picture?.naturalWidth) watch.sizes.add(`${picture.width} x ${picture.height}`);
      else watch.blank++;
      if (picture?.alt !== watch.alt) watch.changed = performance.now();
      watch.alt = picture?.alt;
      watch.frame = requestAnimationFrame(watch.look);
    };
    watch.look();
    return watch;
  });
  await act();
  const still = (watch) => watch.changed && performance.now() - Math.max(watch.changed, watch.input) > 2000;
  await page.waitForFunction(still, watch, { timeout: 15000 }).catch(() => {});
  return watch.evaluate(({ frame, changed, input, blank, sizes }) => {
    cancelAnimationFrame(frame);
    return { changed: changed > 0, seconds: (changed - input) / 1000, blank, sizes: [...sizes] };
  });
}

async function drag(page, key) {
  for (let step = 0; step < 20; step++) {
    await page.keyboard.press(key);
    await page.waitForTimeout(50);
  }
}

async function move(page, box, said) {
  for (const handle of await box.$$(".noUi-handle")) {
    const name = await handle.evaluate((element) => {
      const row = element.closest(".widget-hslider, .widget-slider, .widget-hbox");
      return row.querySelector(".widget-label").textContent;
    });
    await handle.focus();
    const now = () => handle.evaluate((element) => element.getAttribute("aria-valuenow"));
    const start = await now();
    const atEnd = start === (await handle.evaluate((element) => element.getAttribute("aria-valuemax")));
    const [there, back] = atEnd ? ["ArrowLeft", "ArrowRight"] : ["ArrowRight", "ArrowLeft"];
    const found = await follow(page, box, () => drag(page, there));
    said.controls.push({ kind: "slider", name, ...found });
    // back to its place: at a slider's end the others may change nothing (a path that left the picture)
    for (let step = 0; step < 20 && (await now()) !== start; step++) await page.keyboard.press(back);
    await page.waitForTimeout(2000);
  }
  for (const menu of await box.$$("select")) {
    const name = await menu.evaluate((element) => {
      const row = element.closest(".widget-dropdown, .widget-hbox");
      return row.querySelector(".widget-label").textContent;
    });
    const other = await menu.evaluate(({ options, selectedIndex }) => (selectedIndex ? 0 : options.length - 1));
    const found = await follow(page, box, () => menu.selectOption({ index: other }));
    said.controls.push({ kind: "menu", name, ...found });
  }
}

async function draw(page, canvas, points) {
  const box = await canvas.boundingBox();
  const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
  await page.mouse.move(...at(points[0]));
  await page.mouse.down();
  for (const point of points.slice(1)) await page.mouse.move(...at(point), { steps: 15 });
  await page.mouse.up();
}

async function drawings(page, said) {
  const [top] = await places(page, "canvas[aria-label]");
  if (top === undefined) return;
  await show(page, top);
  const canvas = await page.$("canvas[aria-label]");
  await canvas.scrollIntoViewIfNeeded();
  await page.waitForTimeout(2000);
  const answer = () => page.evaluate(() => {
    const box = document.querySelector("canvas[aria-label]").closest(".widget-hbox");
    return [...box.querySelectorAll("img")].map((image) => image.alt).join("\n") + box.innerText;
  });
  said.drawn.push(await answer());
  await draw(page, canvas, [[0.5, 0.15], [0.5, 0.85]]);
  await page.waitForTimeout(4000);
  said.drawn.push(await answer());
  const box = await page.$(".widget-hbox:has(canvas[aria-label])");
  said.canvas = await follow(page, box, () => draw(page, canvas, [[0.3, 0.5], [0.7, 0.5]]));
  await page.click('button:has-text("Clear")');
  await page.waitForTimeout(2500);
  said.drawn.push(await answer());
}

(async () => {
  const said = { ran: false, stopped: [], pageErrors: [], controls: [], drawn: [] };
  const options = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"];
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: options });
  try {
    const page = await browser.newPage({ viewport: { width: 1400, height: 1100 } });
    page.on("pageerror", (error) => said.pageErrors.push(String(error).slice(0, 300)));
    if (picture) {
      await page.goto(`${address}/lab/tree/labs?reset`);
      await page.waitForSelector(`.jp-DirListing-item:has-text("${lab}")`, { timeout: 90000 });
      const choice = page.waitForEvent("filechooser");
      await page.click('.jp-FileBrowser-toolbar [data-jp-item-name="uploader"] >> nth=0');
      await (await choice).setFiles(picture);
      await page.waitForSelector(`.jp-DirListing-item:has-text("${picture.split("/").pop()}")`, { timeout: 30000 });
    }
    await page.goto(`${address}/lab/tree/labs/${lab}?reset`);
    await page.waitForSelector(".jp-NotebookPanel", { timeout: 90000 });
    await page.waitForTimeout(4000);
    await page.click("text=Run >> nth=0");
    await page.click("text=/^Run All Cells/ >> nth=0");
    await page.waitForTimeout(4000);
    const status = () => document.querySelector(".jp-Notebook-ExecutionIndicator")?.getAttribute("data-status");
    for (let begin = Date.now(); Date.now() - begin < PATIENCE && !said.ran; await page.waitForTimeout(1000)) {
      said.ran = (await page.evaluate(status)) === "idle";
    }
    const bad = '.jp-RenderedText[data-mime-type$="error"], .jp-RenderedText[data-mime-type$="stderr"]';
    for (const top of await places(page, bad)) {
      await show(page, top);
      said.stopped.push(...(await page.$$eval(bad, (found) => found.map((one) => one.textContent.slice(0, 300)))));
    }
    for (const top of await places(page, ".widget-vbox")) {
      await show(page, top);
      for (const box of await page.$$(".widget-vbox:not([data-moved])")) {
        await box.evaluate((element) => (element.dataset.moved = "yes"));
        if (!(await box.$("canvas[aria-label]"))) await move(page, box, said);
      }
    }
    await drawings(page, said);
    said.text = await page.evaluate(async (source) => {
      const panel = eval(source)();
      const lines = new Set();
      for (let top = 0; top < panel.scrollHeight; top += 500) {
        panel.scrollTop = top;
        await new Promise((resolve) => setTimeout(resolve, 150));
        for (const one of document.querySelectorAll('.jp-RenderedText[data-mime-type$="stdout"]')) lines.add(one.textContent);
      }
      return [...lines].join("\n");
    }, `(${scroller})`);
  } finally {
    await browser.close();
  }
  console.log(JSON.stringify(said));
})().catch((error) => {
  console.error(String(error));
  process.exit(1);
});
