// What the page shows of a state. What comes from the run, such as the text of an error, is set
// as text: nothing here makes HTML of it.

/** Returns the element with an id. */
export const $ = (id) => document.getElementById(id);

const firstFailures = 12; // shown before one asks for all
let allFailures = false;

/** Writes a text into an element if it has another: what stays can be selected and read aloud. */
function write(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

export const count = (n) => n.toLocaleString("en");

function decimal(x) {
  if (x >= 100) return count(Math.round(x));
  return x.toFixed(x >= 10 ? 0 : 1);
}

/** Writes dollars as the command line does: small amounts with more digits. */
function money(dollars) {
  let digits = 2;
  for (let below = .1; dollars !== 0 && dollars < below && digits < 8; below /= 10) digits++;
  return "$" + dollars.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Writes seconds in the two units that say the most. */
function duration(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 2 * 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
  return `${(s / 86400).toFixed(1)} days`;
}

const clock = (at) => new Date(at).toTimeString().slice(0, 8);

/** Writes a time, with its date if that is another than today's. */
function moment(at) {
  const time = new Date(at);
  return time.toDateString() === new Date().toDateString() ? clock(at) : `${time.toLocaleDateString("sv")} ${clock(at)}`;
}

/** Makes a sentence of the text of an error, which begins small and has no full stop. */
export function sentence(text) {
  if (!text) return "";
  return text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

/** Quotes a word for a shell, if it needs that. */
function quote(word) {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Shows a state of the run. */
export function show(state) {
  const { progress } = state;
  showHeader(state);
  showProgress(progress, state.ended);
  showWhy(state);
  showMoney(state);
  showStatuses(progress);
  showControls(state);
  showBatches(state.batches ?? []);
  showFailures(state.failures ?? []);
}

function showHeader(state) {
  const { process } = state;
  const name = state.output.split(/[/\\]/).pop();
  write("name", name);
  write("about", [
    `${state.model} at ${state.endpoint}`, state.job_file,
    `process ${process.pid} on ${process.host}, since ${moment(process.since)}`,
  ].filter(Boolean).join(" · "));
  write("place", `The journal is in ${state.state}`);
  const share = percent(state.progress);
  document.title = (share === null ? "" : `${share}% · `) + name;
  const [text, kind] = condition(state);
  badge(text, kind);
}

/** Shows in a word how the run is, or how the page is. */
export function badge(text, kind) {
  write("badge", text);
  $("badge").dataset.kind = kind;
}

function condition(state) {
  if (state.ended) return [ending(state).word ?? "ended", ending(state).kind];
  if (state.stopping) return ["stopping", "warn"];
  if (state.paused_since) return ["paused", "warn"];
  const { quota } = state.progress;
  if (quota.trouble) return ["trouble at the endpoint", "bad"];
  if (quota.limit === "pause" || quota.limit === "rpd") return ["waiting", "warn"];
  return ["running", "good"];
}

/** Returns how much of the job is done, rounded down, since 100 % is the end; null if that is not known. */
function percent(progress) {
  return progress.share === null ? null : Math.floor(progress.share * 100);
}

function showProgress(progress, ended) {
  const share = percent(progress);
  const rows = progress.total === null ? "rows so far" : `of ${count(progress.total)} rows`;
  write("share", share === null ? count(progress.rows) : `${share} %`);
  write("rows", share === null ? rows : `${count(progress.rows)} ${rows}`);
  const bar = $("bar");
  bar.setAttribute("aria-valuetext", share === null ? `${count(progress.rows)} ${rows}` : `${share} %, ${count(progress.rows)} ${rows}`);
  if (share === null) bar.removeAttribute("aria-valuenow");
  else bar.setAttribute("aria-valuenow", share);
  bar.firstElementChild.style.width = `${100 * (progress.share ?? 0)}%`;

  write("rate", decimal(progress.rows_per_second));
  write("left", ended ? "none" : progress.eta_seconds === null ? "not known" : duration(progress.eta_seconds));
  write("elapsed", duration(progress.seconds));
  write("in-flight", count(progress.in_flight));
  write("retries", count(progress.retries_waiting));
  write("tokens", count(progress.tokens));
}

/** Returns why the run is not faster: the answer in a few words, and more about it. */
function reasons(state) {
  const { quota, in_flight: inFlight, batches } = state.progress;
  if (state.ended) return ["", ""];
  const calls = inFlight === 1 ? "1 call in flight is" : `${count(inFlight)} calls in flight are`;
  if (state.stopping) return ["Stopping: nothing new is sent", inFlight > 0 ? `${calls} waited for` : ""];
  if (state.paused_since) return [`Paused since ${moment(state.paused_since)}: nothing new is sent`, inFlight > 0 ? `${calls} still answered` : ""];
  if (quota.limit === "") return [batches > 0 ? "Waiting for batch jobs" : "No limit holds it back", quota.text];
  // The line of the command line, cut where it goes on to what happens next.
  const [first, ...rest] = quota.text.split(/, (?=next slot |probing again |\d+ in flight)/);
  return [first[0].toUpperCase() + first.slice(1), rest.join(", ")];
}

function showWhy(state) {
  const [first, more] = reasons(state);
  const why = $("why");
  if (why.dataset.text === first + "\n" + more) return;
  why.dataset.text = first + "\n" + more;
  const rest = document.createElement("span");
  rest.textContent = more;
  why.replaceChildren(...(first ? [first, rest] : []));
  why.dataset.kind = condition(state)[1] === "bad" ? "bad" : condition(state)[1] === "warn" ? "warn" : "";
}

/** Shows what counts against the cap, or without one what this run has cost. */
function showMoney(state) {
  const amount = (text) => text === null || text === undefined ? null : Number(text);
  const all = amount(state.cost_usd), run = amount(state.cost_this_run_usd), cap = amount(state.max_cost_usd);
  const cost = all ?? run;
  write("cost", cost === null ? "not known" : money(cost));
  write("cap", cap !== null ? `of at most ${money(cap)}` : all === null ? "in this run, without a cap" : "without a cap");
  $("simulated").hidden = !state.progress.simulated;
  write("cost-run", all === null || run === null ? "" : `${money(run)} of it in this run`);
  const meter = $("meter");
  meter.hidden = cap === null || cost === null;
  if (meter.hidden) return;
  const used = cap > 0 ? Math.min(100, 100 * cost / cap) : 100;
  meter.setAttribute("aria-valuenow", Math.floor(used));
  meter.setAttribute("aria-valuetext", `${money(cost)} of at most ${money(cap)}`);
  meter.dataset.kind = used >= 100 ? "bad" : used >= 80 ? "warn" : "good";
  meter.firstElementChild.style.width = `${used}%`;
}

function showStatuses(progress) {
  const parts = [
    ...Object.entries(progress.status ?? {}).sort(([a, n], [b, m]) => (b === "ok") - (a === "ok") || m - n),
    ["copied from identical rows", progress.copied], ["settled before this run", progress.settled_before], ["cannot be read", progress.bad],
  ].filter(([, n]) => n > 0);
  const list = $("statuses");
  const text = JSON.stringify(parts);
  if (list.dataset.text === text) return;
  list.dataset.text = text;
  list.replaceChildren(...parts.map(([name, n]) => {
    const row = document.createElement("div"), number = document.createElement("dt"), label = document.createElement("dd");
    number.textContent = count(n);
    label.textContent = name;
    row.append(number, label);
    if (name !== "ok") row.dataset.kind = name === "failed" || name === "cannot be read" ? "bad" : "";
    return row;
  }));
}

const sources = {
  job: "given by the job", control: "set for this run", learned: "learned from a refusal",
  estimated: "estimated", default: "the default", none: "not known",
};

function showControls(state) {
  const over = Boolean(state.ended) || state.stopping;
  enable("pause", !over);
  enable("stop", !over);
  const failed = state.progress.status?.failed ?? 0;
  enable("retry", !over && failed > 0 && !state.retry_asked);
  write("pause", state.paused_since ? "Resume" : "Pause");
  write("retry", state.retry_asked ? "Failed rows are tried again" : "Try failed rows again");
  for (const [name, limit] of Object.entries(state.limits)) {
    showLimit(name, limit.value === null ? "none" : count(limit.value), sources[limit.source] ?? limit.source, over);
  }
  const cap = state.max_cost_usd;
  // Without --max-cost a run does not count what could be held to a cap.
  showLimit("max_cost", cap === null ? "none" : money(Number(cap)), cap === null ? "no cap; --max-cost gives a run one" : "in force", over || cap === null);
}

function showLimit(name, value, source, over) {
  if ($(name) === null) return; // a limit of a newer genbatch
  write(`${name}-force`, value === "none" ? source : `${value}, ${source}`);
  $(name).placeholder = value;
  $(name).disabled = over;
  const button = $(name).form.querySelector("button");
  button.disabled = over || button.ariaBusy === "true";
}

function enable(id, possible) {
  const button = $(id);
  button.disabled = !possible || button.ariaBusy === "true";
}

function cell(text, name = "") {
  const td = document.createElement("td");
  td.textContent = text;
  td.className = name;
  return td;
}

function showBatches(batches) {
  $("batches").hidden = batches.length === 0;
  $("batch-rows").replaceChildren(...batches.map((b) => {
    const tr = document.createElement("tr");
    tr.append(
      cell((b.name || b.id) + (b.why ? `: ${b.why}` : "")), cell(b.state), cell(count(b.rows), "number"),
      cell(b.state === "collected" ? count(b.answered ?? 0) : "", "number"), cell(b.created ? moment(b.created) : ""),
    );
    return tr;
  }));
}

/** Shows rows that are not ok, the newest first. Rows of the table that stay are left alone. */
function showFailures(failures) {
  const body = $("failure-rows");
  const shown = failures.toReversed().slice(0, allFailures ? failures.length : firstFailures);
  const wanted = new Map(shown.map((f) => [String(f.seq), f]));
  for (const tr of [...body.children]) {
    if (!wanted.has(tr.dataset.seq)) tr.remove();
  }
  const isFirst = body.children.length === 0;
  let next = body.firstElementChild;
  for (const [seq, f] of wanted) {
    if (next?.dataset.seq === seq) {
      next = next.nextElementSibling;
      continue;
    }
    const tr = failureRow(f);
    if (!isFirst) tr.className = "new";
    body.insertBefore(tr, next);
  }
  $("failure-table").hidden = failures.length === 0;
  $("no-failures").hidden = failures.length > 0;
  $("more-failures").hidden = failures.length <= firstFailures;
  write("more-failures", allFailures ? "Show fewer" : `Show all ${failures.length} of late`);
}

/** Forgets the rows of a run that is over: those of the next one are counted anew. */
export function clearFailures() { $("failure-rows").replaceChildren(); }

function failureRow(f) {
  const longest = 600; // of an error; genbatch show has all of it
  const tr = document.createElement("tr");
  tr.dataset.seq = f.seq;
  tr.role = "row";
  const status = cell(f.status);
  status.dataset.kind = f.status === "failed" ? "bad" : "warn";
  const error = f.error.length > longest ? f.error.slice(0, longest) + " …" : f.error;
  tr.append(cell(clock(f.at)), cell(`row ${count(f.row)}` + (f.key ? ` (${f.key})` : "")), status, cell(error));
  for (const td of tr.children) td.role = "cell";
  return tr;
}

/** Changes between the newest failures and all that are known. */
export function toggleFailures(state) {
  allFailures = !allFailures;
  showFailures(state.failures);
}

// What exit codes mean, as docs/exit-codes.md says.
const endings = {
  0: { kind: "good", word: "done", title: "Done: every row is ok", text: "The output is written." },
  1: { kind: "bad", title: "The run broke", text: "What was answered is safe." },
  2: { kind: "bad", title: "The run could not begin", text: "Nothing was sent." },
  3: { kind: "warn", word: "done", title: "Done, and some rows are not ok", text: "The output is written. The same command asks failed rows again." },
  4: { kind: "bad", title: "The endpoint refuses every request, or does not answer", text: "What was answered is safe. Once the cause is mended, carry on." },
  5: { kind: "warn", title: "It goes on later", text: "The quota of the day is used up, the deadline has come, or batch jobs are at work." },
  6: { kind: "warn", title: "The cap on the cost is reached", text: "What was answered is safe. Carry on with a higher --max-cost." },
  8: { kind: "bad", title: "Too many rows failed", text: "What was answered is safe. Look at the errors, then carry on." },
  130: { kind: "warn", word: "stopped", title: "Stopped", text: "What was answered is safe. Carry on whenever you like." },
};

/** Returns what the exit code of a run that has ended means. */
function ending(state) {
  const code = state.ended.exit_code;
  return endings[code] ?? { kind: "bad", title: `Ended with exit code ${code}`, text: "" };
}

/** Shows how the run ended, and with which commands one goes on. */
export function showEnd(state) {
  const { kind, title, text } = ending(state);
  const output = quote(state.output);
  const again = state.job_file ? `genbatch run ${quote(state.job_file)}` : "# the same command carries on";
  const commands = {
    0: [`genbatch report ${output}`],
    3: [`genbatch show ${output} --status failed`, again, `genbatch report ${output}`],
  }[state.ended.exit_code] ?? [again, `genbatch status ${output}`];
  notice(kind, title, `${sentence(state.ended.error)} ${text}`.trim(), commands.join("\n"));
}

/** Shows a message above all, until the next one or clearNotice. */
export function notice(kind, title, text, commands = "") {
  $("notice").hidden = false;
  $("notice").dataset.kind = kind;
  write("notice-title", title);
  write("notice-text", text);
  write("notice-command", commands);
  $("notice-command").hidden = commands === "";
}

export function clearNotice() { $("notice").hidden = true; }

/** Shows what came of a control. */
export function answer(kind, text) {
  write("answer", text);
  $("answer").dataset.kind = kind;
}
