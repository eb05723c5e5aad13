// Figures over time, by uPlot (https://github.com/leeoniya/uPlot), which the page has loaded as
// the global uPlot.

const longest = 4000; // samples kept; a point each is more than a screen shows

/**
 * What is drawn: each series has its value at sample i, or null where it has none. Its class
 * gives the colour, and "dash" marks limits, so that nothing is said by colour alone.
 */
const charts = [
  {
    title: "Rows a second", digits: 1, series: [
      { label: "ok", class: "series-1", value: rate("ok", 10) },
      { label: "not ok", class: "series-5", value: rate("failed", 10) },
    ],
  },
  {
    title: "Failed attempts in a minute", digits: 0, series: [
      { label: "refused", class: "series-2", value: perMinute("refused") },
      { label: "otherwise", class: "series-4", value: perMinute("faults") },
    ],
  },
  {
    title: "Calls in flight", digits: 0, series: [
      { label: "in flight", class: "series-1", value: (s, i) => s[i].in_flight },
      { label: "limit", class: "series-6", dash: [5, 4], value: (s, i) => s[i].concurrency ?? null },
    ],
  },
  {
    title: "Requests in a minute", digits: 0, series: [
      { label: "sent", class: "series-1", value: perMinute("attempts") },
      { label: "limit", class: "series-6", dash: [5, 4], value: (s, i) => s[i].rpm ?? null },
    ],
  },
];

/**
 * Returns how fast a count grew over the seconds before sample i, a second. Rows that failed are
 * taken out of their count when they are asked again: that is no pace.
 */
function rate(name, seconds) {
  return (samples, i) => {
    const first = before(samples, i, seconds);
    const time = samples[i].elapsed_s - samples[first].elapsed_s;
    return time > 0 ? Math.max(0, (samples[i][name] - samples[first][name]) / time) : 0;
  };
}

/**
 * Returns by how much a count grew in the minute before sample i. Where samples are more than
 * a minute apart it is the mean of a minute; a run younger than that has the count so far, and
 * no guess at what a whole minute will have.
 */
function perMinute(name) {
  return (samples, i) => {
    const first = before(samples, i, 60);
    const time = samples[i].elapsed_s - samples[first].elapsed_s;
    return (samples[i][name] - samples[first][name]) * 60 / Math.max(60, time);
  };
}

/** Returns the index of the sample that is that many seconds older than sample i, or of the one before i. */
function before(samples, i, seconds) {
  let first = Math.max(0, i - 1);
  while (first > 0 && samples[i].elapsed_s - samples[first - 1].elapsed_s <= seconds) first--;
  return first;
}

/** The charts of one page, with the samples that they show. */
export class Charts {
  #samples = [];
  #drawn = []; // of each chart: its uPlot and the elements with its values

  /** Builds the charts below an element of a section, which is hidden while there is nothing to draw. */
  constructor(parent) {
    this.#drawn = charts.map((chart) => this.#build(parent, chart));
    // The canvas holds colours and sizes as they were: both can change while the page is open.
    const fit = () => this.#fit();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#drawn.forEach((d) => d.plot.redraw(false)));
    new ResizeObserver(fit).observe(parent);
  }

  /** The number of the last sample, from which on the next ones are asked; 0 if there is none. */
  get last() { return this.#samples.at(-1)?.seq ?? 0; }

  /** Forgets all samples, because another run has begun. */
  clear() { this.#samples = []; }

  /** Adds samples, and draws. */
  add(samples) {
    const last = this.last;
    this.#samples.push(...samples.filter((s) => s.seq > last));
    if (this.#samples.length > longest) {
      this.#samples = this.#samples.filter((_, i) => i % 2 === 1 || i > this.#samples.length - 60);
    }
    document.getElementById("time").hidden = this.#samples.length === 0;
    document.getElementById("shaded").hidden = !this.#samples.some((s) => s.paused);
    const times = this.#samples.map((s) => Date.parse(s.at) / 1000);
    charts.forEach((chart, k) => {
      const values = chart.series.map((series) => this.#samples.map((_, i) => series.value(this.#samples, i)));
      this.#drawn[k].plot.setData([times, ...values]);
      this.#say(k, times.length - 1);
    });
  }

  /** Builds the figure of a chart: a caption that says the values, and the curves. */
  #build(parent, chart) {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    const title = document.createElement("strong");
    title.textContent = chart.title;
    caption.append(title);
    const values = chart.series.map((series) => {
      const span = document.createElement("span");
      const mark = document.createElement("i");
      mark.className = series.class + (series.dash ? " dashed" : "");
      const value = document.createElement("b");
      span.append(mark, series.label + " ", value);
      caption.append(span);
      return { mark, value };
    });
    const place = document.createElement("div");
    place.className = "plot";
    place.setAttribute("aria-hidden", "true"); // the caption says it
    figure.append(caption, place);
    parent.append(figure);

    const k = parent.children.length - 1;
    const grid = { stroke: () => colour(parent, "--line"), width: 1 };
    const axis = { stroke: () => colour(parent, "--muted"), grid, ticks: grid, font: "12px system-ui, sans-serif" };
    const plot = new uPlot({
      width: place.clientWidth || 300, height: 150, legend: { show: false },
      padding: [10, 26, 0, 0],
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { y: { range: (_, __, max) => [0, Math.max(1, max * 1.1 || 1)] } },
      axes: [
        { ...axis, size: 30, space: (_, __, from, to) => to - from < 240 ? 64 : 44, values: (_, times) => times.map(clock) },
        { ...axis, size: 46, space: 32 },
      ],
      series: [{}, ...chart.series.map((series, i) => ({
        stroke: () => getComputedStyle(values[i].mark).color, width: 1.5, dash: series.dash, points: { show: false },
      }))],
      hooks: {
        drawClear: [(u) => this.#shadePauses(u)],
        setCursor: [(u) => this.#say(k, u.cursor.idx ?? this.#samples.length - 1)],
      },
    }, [[], ...chart.series.map(() => [])], place);
    return { plot, place, values };
  }

  /** Writes the values of sample i into a chart's caption. */
  #say(k, i) {
    if (this.#drawn.length <= k) return; // it is being built
    const plot = this.#drawn[k].plot;
    this.#drawn[k].values.forEach((v, n) => {
      const value = plot.data[n + 1][i];
      v.value.textContent = value == null ? "none" : value.toLocaleString("en", { maximumFractionDigits: charts[k].digits });
    });
  }

  /** Shades the times in which the run was paused. */
  #shadePauses(u) {
    u.ctx.save();
    u.ctx.fillStyle = colour(u.root, "--line");
    u.ctx.globalAlpha = .5;
    this.#samples.forEach((s, i) => {
      if (!s.paused || i === 0) return;
      const from = u.valToPos(Date.parse(this.#samples[i - 1].at) / 1000, "x", true);
      const to = u.valToPos(Date.parse(s.at) / 1000, "x", true);
      u.ctx.fillRect(from, u.bbox.top, to - from, u.bbox.height);
    });
    u.ctx.restore();
  }

  #fit() {
    for (const { plot, place } of this.#drawn) {
      if (place.clientWidth > 0 && place.clientWidth !== plot.width) plot.setSize({ width: place.clientWidth, height: 150 });
    }
  }
}

/**
 * Returns the colour of a name of base.css in the scheme that the page has now. The value of the
 * name itself would be light-dark(…), which a canvas does not know.
 */
function colour(element, name) {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  element.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** Returns the time of day, as 18:04:09 or, on the minute, as 18:04. */
function clock(seconds) {
  const time = new Date(seconds * 1000).toTimeString().slice(0, 8);
  return time.endsWith(":00") ? time.slice(0, 5) : time;
}
