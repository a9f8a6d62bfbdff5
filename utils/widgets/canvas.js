// The front end of utils/widgets/canvas.py: strokes of a round white pen on black paper, sent when the pen is lifted.

function render({ model, el }) {
  const side = model.get("side");
  const canvas = add(el, "canvas", { width: side, height: side });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "Canvas: draw here with mouse, finger or pen");
  canvas.style.cssText = `display: block; width: ${side}px; height: ${side}px; touch-action: none; cursor: crosshair;
    outline: 1px solid gray; margin: 2px 2px 6px`;
  const controls = add(el, "div");
  controls.style.cssText = `display: flex; gap: 8px; align-items: center; width: ${side}px; margin: 2px;
    font: 13px sans-serif; color: var(--jp-ui-font-color1, var(--vscode-foreground, inherit))`;
  const clear = add(controls, "button", { type: "button", textContent: "Clear" });
  const read = add(controls, "button", { type: "button", textContent: "Read" });
  const label = add(controls, "label", { textContent: "Pen" });
  label.style.cssText = "display: flex; flex: 1; gap: 6px; align-items: center; min-width: 0";
  const pen = add(label, "input", { type: "range", ...model.get("pens") });
  pen.style.cssText = "flex: 1; min-width: 0";
  for (const control of [clear, read, pen]) control.dataset.lmSuppressShortcuts = "true"; // or Jupyter takes its keys

  const ink = canvas.getContext("2d");
  let { strokes = [], widths = [] } = model.get("drawing");
  let pointer = null; // the id of the one that draws

  function segment(from, to, width) {
    ink.lineWidth = width;
    ink.beginPath();
    ink.moveTo(...from);
    ink.lineTo(...to);
    ink.stroke();
    ink.beginPath();
    ink.arc(...to, width / 2, 0, 2 * Math.PI); // the round end; alone it is a dot
    ink.fill();
  }

  function paint() {
    ink.fillStyle = "black";
    ink.fillRect(0, 0, side, side);
    ink.fillStyle = ink.strokeStyle = "white";
    strokes.forEach((points, k) => points.forEach((to, i) => segment(points[Math.max(i - 1, 0)], to, widths[k])));
  }

  function extend(event) {
    const box = canvas.getBoundingClientRect();
    const scale = side / box.width;
    const point = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    const to = point.map((pixels) => Math.round(10 * pixels) / 10);
    const points = strokes.at(-1);
    const from = points.at(-1) ?? to;
    if (points.length && Math.hypot(to[0] - from[0], to[1] - from[1]) < 1) return;
    points.push(to);
    segment(from, to, widths.at(-1));
  }

  function send() {
    const reading = (model.get("drawing").reading ?? 0) + 1;
    model.set("drawing", { strokes: structuredClone(strokes), widths: [...widths], reading });
    model.save_changes();
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0) return;
    event.preventDefault();
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    strokes.push([]);
    widths.push(Number(pen.value));
    extend(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    (passed.length ? passed : [event]).forEach(extend);
  });
  canvas.addEventListener("lostpointercapture", (event) => {
    if (event.pointerId !== pointer) return;
    pointer = null;
    send();
  });
  clear.addEventListener("click", () => {
    strokes = [];
    widths = [];
    paint();
    send();
  });
  read.addEventListener("click", send);

  paint();
}

function add(parent, tag, properties = {}) {
  return parent.appendChild(Object.assign(document.createElement(tag), properties));
}

export default { render };
