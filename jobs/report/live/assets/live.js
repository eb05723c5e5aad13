// What happens when: the token, the state that is asked for again and again, and the controls.

import { Charts } from "./charts.js";
import { $, answer, badge, clearFailures, clearNotice, count, notice, sentence, show, showEnd, toggleFailures } from "./view.js";

const longestWait = 10; // seconds between two tries while nobody answers
const quiet = 10_000;   // milliseconds between two announcements to screen readers

const token = takeToken();
const charts = new Charts($("charts"));
let state = null;  // the last one that was shown
let announced = 0; // when progress was read aloud

/**
 * Takes the token out of the address, so that it is not seen over a shoulder nor kept as a
 * bookmark, and keeps it in this tab for when the page is loaded again.
 */
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem("token");
}

/** An answer that says no. "hint" says what to do, if the server knows. */
class Refusal extends Error {
  constructor(status, { error, hint }) {
    super(error);
    this.status = status;
    this.hint = hint;
  }
}

/** Asks the run, and returns its state. Another origin cannot do this: it may not send the header. */
async function ask(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: { Authorization: `Bearer ${token}`, ...(body && { "Content-Type": "application/json" }) },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  const answered = await response.json();
  if (!response.ok) throw new Refusal(response.status, answered);
  return answered;
}

/** Shows the run for as long as the page is open. The server sets the pace, see paced in live.go. */
async function follow() {
  for (let failed = 0; ; ) {
    try {
      take(await ask("GET", state === null ? "v1/state" : `v1/state?since=${charts.last}`));
      failed = 0;
      if (!state.ended) continue;
    } catch (error) {
      failed++;
      if (error instanceof Refusal && error.status === 401) return lacksToken();
      lost(error, Math.min(longestWait, 2 ** (failed - 1)));
    }
    await sleep(Math.min(longestWait, 2 ** Math.max(0, failed - 1)));
  }
}

const sleep = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

/** Shows a new state. */
function take(next) {
  const isOther = state !== null && (next.process.pid !== state.process.pid
    || Math.abs(Date.parse(next.process.since) - Date.parse(state.process.since)) > 5000); // clocks are corrected
  if (isOther) { // the job goes on in another process: its samples and failures begin anew
    charts.clear();
    clearFailures();
    state = null;
    answer("", "");
  }
  const before = state;
  state = next;
  show(state);
  charts.add(state.samples ?? []);
  if (state.ended) showEnd(state);
  else clearNotice();
  announce(before);
}

/** Tells screen readers how the run goes: at once when it changes its course, and else now and then. */
function announce(before) {
  const course = (s) => [s?.stopping, Boolean(s?.paused_since), s?.ended?.exit_code].join();
  const turned = before !== null && course(before) !== course(state);
  if (!turned && Date.now() - announced < quiet) return;
  announced = Date.now();
  const text = state.ended ? $("notice-title").textContent
    : [$("bar").getAttribute("aria-valuetext"), $("why").firstChild?.textContent].filter(Boolean).join(". ");
  if ($("announcer").textContent !== text) $("announcer").textContent = text;
}

/** Says that nobody answers. A run that was seen to end may go. */
function lost(error, wait) {
  if (state?.ended) return;
  disableControls();
  const next = `Trying again in ${wait} s.`;
  if (error instanceof Refusal) { // there is a server, and it has no run to ask
    badge("not running", "muted");
    notice("warn", "This page has no run to show", `${sentence(error.message)} ${sentence(error.hint)} ${next}`);
    return;
  }
  badge("connection lost", "bad");
  notice("bad", "Connection lost, trying again", `${next} What the page shows is the last that it heard. If genbatch has ended, the same command carries on.`);
}

function lacksToken() {
  badge("no token", "bad");
  notice("bad", "This address lacks its token", "Open the whole address that genbatch printed. Each process has a token of its own.");
  disableControls();
}

function disableControls() {
  for (const control of document.querySelectorAll("#steer button, #steer input")) control.disabled = true;
}

/**
 * Has the run do something, with feedback at each step. Returns whether it did.
 * @param {HTMLButtonElement} button which was pressed
 * @param {() => string} done what to say once it is done, after the new state is there
 * @param {HTMLElement} [place] where an error is to stand, if not with the answer
 */
async function steer(button, path, body, done, place) {
  button.ariaBusy = "true";
  button.disabled = true;
  answer("muted", "Asking the run …");
  try {
    const next = await ask("POST", path, body);
    button.ariaBusy = null;
    take({ ...next, samples: (next.samples ?? []).filter((s) => s.seq > charts.last) });
    answer("good", done());
    return true;
  } catch (error) {
    const text = error instanceof Refusal ? [error.message, error.hint].filter(Boolean).join(": ") : "genbatch does not answer";
    answer("bad", `Not done. ${text}`);
    if (place) place.textContent = text;
    return false;
  } finally {
    button.ariaBusy = null;
    if (state) show(state);
  }
}

/** Sets a limit to what its field says; an empty field gives it back. */
function setLimit(event) {
  event.preventDefault();
  const form = event.target;
  const name = form.dataset.limit;
  const input = $(name), place = $(`${name}-error`);
  const text = input.value.replace(/[\s,_$]/g, "");
  const pattern = name === "max_cost" ? /^\d+(\.\d+)?$/ : /^\d*$/;
  place.textContent = "";
  input.ariaInvalid = null;
  if (!pattern.test(text)) {
    input.ariaInvalid = "true";
    place.textContent = name === "max_cost" ? "Write dollars, such as 5.00." : "Write a whole number, or leave it empty.";
    answer("bad", `Not done. ${place.textContent}`);
    return;
  }
  const value = name === "max_cost" ? text : Number(text); // an empty text is 0
  const label = form.querySelector("label").textContent;
  steer(form.querySelector("button"), "v1/set", { [name]: value }, () => `${label}: ${$(`${name}-force`).textContent}`, place)
    .then((isDone) => {
      if (isDone) input.value = "";
      else input.ariaInvalid = "true";
    });
}

$("pause").addEventListener("click", () => {
  const isPaused = Boolean(state.paused_since);
  steer($("pause"), isPaused ? "v1/resume" : "v1/pause", undefined,
    () => isPaused ? "Resumed: rows are sent again." : "Paused: nothing new is sent until you resume.");
});
$("retry").addEventListener("click", () => {
  const failed = count(state.progress.status?.failed ?? 0);
  steer($("retry"), "v1/retry", undefined, () => `Rows that failed (${failed} so far) are asked again once the others are through.`);
});
$("stop").addEventListener("click", () => $("confirm").showModal());
$("confirm-keep").addEventListener("click", () => $("confirm").close());
$("confirm-stop").addEventListener("click", () => {
  $("confirm").close();
  steer($("stop"), "v1/stop", undefined, () => "Stopping: calls in flight may finish.");
});
$("more-failures").addEventListener("click", () => toggleFailures(state));
for (const form of document.querySelectorAll("#limits form")) form.addEventListener("submit", setLimit);
// Another address of the same server, such as one with a new token, would not load the page again.
addEventListener("hashchange", () => location.reload());

disableControls();
if (token) follow();
else lacksToken();
