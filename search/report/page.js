"use strict";
(() => {
  const report = JSON.parse(document.getElementById("report-data").textContent);
  const darkScheme = window.matchMedia("(prefers-color-scheme: dark)");
  // Plotly would offer to upload the chart to a server.
  const config = { responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "" };
  const hasWebgl = Boolean(document.createElement("canvas").getContext("webgl"));
  const drawn = new Set();
  const variantOf = new Map();
  const selectedOf = new Map();

  const figures = (root = document) => [...root.querySelectorAll(".figure")];
  const runOf = (element) => element.closest("[data-run]");

  /** The traces and layout of a figure as it is to be seen now; never the embedded objects, which Plotly would change. */
  function content(element) {
    const full = report.figures[element.id];
    const spec = hasWebgl ? full : (full.without_webgl ?? full);
    const variant = spec.variants[variantOf.get(element.id)] ?? { data: [], layout: {} };
    const data = spec.data.map((trace, i) => ({ ...trace, ...variant.data[i] }));
    const layout = structuredClone({ ...spec.layout, ...variant.layout });
    layout.template = report.templates[darkScheme.matches ? "dark" : "light"];
    placeRing(data, selectedOf.get(runOf(element)));
    return [data, layout];
  }

  /** Puts the ring of a figure, if it has one, around the selected point, the one on validation if there are two. */
  function placeRing(data, key) {
    const ring = data.find((trace) => trace.meta === "ring");
    if (!ring) return;
    for (const trace of data) {
      const at = trace.meta === "members" ? trace.customdata.indexOf(key) : -1;
      if (at >= 0 && trace.x[at] !== null && trace.y[at] !== null) {
        ring.x = [trace.x[at]];
        ring.y = [trace.y[at]];
        return;
      }
    }
  }

  function draw(element) {
    const isNew = !drawn.has(element);
    drawn.add(element);
    Plotly.react(element, ...content(element), config);
    if (isNew) element.on("plotly_click", (event) => select(runOf(element), event.points[0].customdata));
  }

  function redraw(root) {
    figures(root).filter((element) => drawn.has(element)).forEach(draw);
  }

  /** Shows the cost breakdown of a front member or baseline. */
  function select(run, key) {
    if (!run || typeof key !== "string") return;
    selectedOf.set(run, key);
    for (const row of run.querySelectorAll("tr[data-key]")) row.classList.toggle("selected", row.dataset.key === key);
    const breakdown = run.querySelector("[data-breakdown]");
    if (breakdown && key in report.figures[breakdown.id].variants) {
      variantOf.set(breakdown.id, key);
      const [title, detail] = report.figures[breakdown.id].variants[key].title;
      run.querySelector("[data-selection-title]").textContent = title;
      run.querySelector("[data-selection-detail]").textContent = detail;
    }
    for (const element of run.querySelectorAll("[data-follow]")) {
      if (key in report.figures[element.id].variants) variantOf.set(element.id, key);
    }
    const blocks = [...run.querySelectorAll("[data-of]")];
    if (blocks.some((block) => block.dataset.of === key)) {
      for (const block of blocks) block.hidden = block.dataset.of !== key;
    }
    for (const element of run.querySelectorAll("[data-ring], [data-breakdown], [data-follow]")) if (drawn.has(element)) draw(element);
  }

  function sortRows(heading) {
    const column = [...heading.parentNode.children].indexOf(heading);
    const isAscending = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of heading.parentNode.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
    const body = heading.closest("table").tBodies[0];
    const cell = (row) => row.cells[column];
    const compare = (a, b) => {
      const [x, y] = [cell(a).dataset.sort, cell(b).dataset.sort];
      if (x !== undefined && y !== undefined) return x - y;
      return cell(a).textContent.localeCompare(cell(b).textContent, "en", { numeric: true });
    };
    const rows = [...body.rows].sort((a, b) => (isAscending ? compare(a, b) : compare(b, a)));
    body.append(...rows);
  }

  // Drawn when they come into sight: a browser keeps some 16 WebGL contexts, and a long page would need more.
  const sight = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        sight.unobserve(target);
        draw(target);
      }
    },
    { rootMargin: "400px" },
  );

  function undraw(element) {
    if (drawn.delete(element)) Plotly.purge(element);
    sight.observe(element);
  }

  for (const run of document.querySelectorAll("[data-run]")) {
    if (run.dataset.selected) select(run, run.dataset.selected);
    run.addEventListener("toggle", () => run.open || figures(run).forEach(undraw));
  }
  document.addEventListener("click", (event) => {
    const heading = event.target.closest("th:has(button)");
    if (heading) return sortRows(heading);
    const row = event.target.closest("tr[data-key]");
    if (row) select(runOf(row), row.dataset.key);
  });
  document.addEventListener("keydown", (event) => {
    const row = event.target.closest("tr[data-key]");
    if (row && event.key === "Enter") select(runOf(row), row.dataset.key);
  });
  document.addEventListener("change", (event) => {
    const id = event.target.dataset.figure;
    if (!id) return;
    variantOf.set(id, event.target.value);
    draw(document.getElementById(id));
  });
  darkScheme.addEventListener("change", () => redraw(document));
  window.addEventListener("beforeprint", () => figures().filter((element) => element.offsetParent).forEach(draw));
  figures().forEach((element) => sight.observe(element));
})();
