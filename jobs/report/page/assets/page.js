// What a page does beside being read: it draws its charts, and finds, sorts and opens rows.
// Everything is there without it. Nothing that came from a row is ever made into markup.
"use strict";

const byId = (id) => document.getElementById(id);

// Charts. Colours are taken from the style sheet, so they follow light and dark.

const charts = JSON.parse(byId("charts").textContent) || [];
let drawn = [];

function colourOf(name) {
  const probe = document.createElement("span");
  probe.className = name;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

function drawChart(chart) {
  const box = byId("chart-" + chart.id);
  const muted = colourOf("muted");
  const line = getComputedStyle(document.querySelector("section")).borderTopColor;
  const axis = { stroke: muted, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  const size = () => ({ width: box.clientWidth, height: 220 });
  const live = document.createElement("div");
  live.className = "live";
  live.setAttribute("aria-hidden", "true"); // the caption and the tables say it in words
  box.append(live);
  box.classList.add("charted");
  const plot = new uPlot({
    ...size(),
    scales: { y: { range: (u, min, max) => [0, max > 0 ? max * 1.05 : 1] } },
    axes: [axis, { ...axis, size: 56, label: chart.unit, labelSize: 20 }],
    series: [{}, ...chart.series.map((s) => ({
      label: s.name,
      stroke: colourOf(s.class),
      width: 1.5,
      points: { show: false },
      value: (u, v) => (v === null || v === undefined ? "–" : v.toLocaleString(undefined, { maximumFractionDigits: 2 })),
      ...(s.step ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
    }))],
  }, [chart.x, ...chart.series.map((s) => s.values)], live);
  return { plot, size, live };
}

function drawCharts() {
  for (const d of drawn) {
    d.plot.destroy();
    d.live.remove();
  }
  drawn = charts.map(drawChart);
}

if (charts.length > 0) {
  drawCharts();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);
  addEventListener("resize", () => drawn.forEach((d) => d.plot.setSize(d.size())));
}

// Rows.

const list = byId("list");

if (list) {
  const rows = [...list.children];
  const listed = new Map(rows.map((row, i) => [row, i]));
  const texts = new Map(); // of rows that were searched, in lower case
  const search = byId("search"), status = byId("status"), label = byId("label"), sort = byId("sort"), expand = byId("expand");

  const textOf = (row) => {
    if (!texts.has(row)) {
      texts.set(row, row.textContent.toLowerCase());
    }
    return texts.get(row);
  };

  const offer = (select, name) => {
    const values = [...new Set(rows.map((row) => row.dataset[name]))].filter(Boolean).sort();
    for (const value of values.slice(0, 500)) {
      select.add(new Option(value, value));
    }
    return values.length;
  };

  const orders = {
    "": (a, b) => listed.get(a) - listed.get(b),
    number: (a, b) => a.dataset.number - b.dataset.number,
    cost: (a, b) => b.dataset.cost - a.dataset.cost,
    latency: (a, b) => b.dataset.latency - a.dataset.latency,
    tokens: (a, b) => b.dataset.tokens - a.dataset.tokens,
    status: (a, b) => a.dataset.status.localeCompare(b.dataset.status),
    label: (a, b) => a.dataset.label.localeCompare(b.dataset.label),
  };

  const update = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const row of rows) {
      const fits = (!status.value || row.dataset.status === status.value)
        && (!label.value || row.dataset.label === label.value)
        && words.every((word) => textOf(row).includes(word));
      row.hidden = !fits;
      found += fits ? 1 : 0;
    }
    const order = orders[sort.value];
    list.append(...[...rows].sort((a, b) => order(a, b) || listed.get(a) - listed.get(b)));
    byId("found").textContent = found === rows.length ? "" : `${found.toLocaleString()} of ${rows.length.toLocaleString()} listed rows`;
  };

  const setOpen = (open) => {
    for (const row of rows) {
      row.querySelector("details").open = open && !row.hidden;
    }
    expand.setAttribute("aria-expanded", open);
    expand.textContent = open ? "Close all" : "Open all";
  };

  // A link to a row opens it, though a filter may have hidden it.
  const openNamed = () => {
    const row = document.querySelector(":target");
    if (row && listed.has(row)) {
      row.hidden = false;
      row.querySelector("details").open = true;
      row.scrollIntoView();
    }
  };

  offer(status, "status");
  byId("label-control").hidden = offer(label, "label") === 0;
  byId("controls").hidden = false;
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  search.addEventListener("input", update);
  for (const select of [status, label, sort]) {
    select.addEventListener("change", update);
  }
  expand.addEventListener("click", () => setOpen(expand.getAttribute("aria-expanded") !== "true"));
  addEventListener("hashchange", openNamed);
  openNamed();
}
