// The live progress of a message: drawn from the page's own data first, then asked for until complete; every second, and
// more rarely while a scheduled message waits for its time.
import { ifChanged, api } from "../core/api.js";

const PARTS = {
  good: ["accepted", "delivered"],
  none: ["suppressed", "cancelled", "expired"],
  bad: ["failed"],
  open: ["claimed", "sending", "unknown"],
};
const TONES = { good: "part-good", none: "part-none", bad: "part-bad", open: "part-open" };

const panel = document.getElementById("progress");
let every = Number(panel.dataset.every);
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const words = read("progress-words");
const inWords = (number) => number.toLocaleString("en-US");
const percent = (part, whole) => (whole ? Math.floor((part * 100) / whole) : 0);
const sum = (counts, states) => states.reduce((total, state) => total + (counts[state] || 0), 0);
const tone = (state) => TONES[Object.keys(PARTS).find((part) => PARTS[part].includes(state))] || "part-waiting";

// States that a reader calls by the same word stand on one line.
function spoken(counts) {
  const lines = new Map();
  for (const state of Object.keys(words.states).filter((one) => counts[one])) {
    const word = words.states[state];
    lines.set(word, [...(lines.get(word) || []), state]);
  }
  return lines;
}

function countLine(word, states, channel) {
  const line = document.createElement("li");
  const dot = document.createElement("span");
  dot.className = `count-dot ${tone(states[0])}`;
  line.append(dot, `${word} ${inWords(sum(channel.counts, states))}`);
  const why = channel.reasons.filter((one) => states.includes(one.status));
  if (why.length) {
    const list = document.createElement("ul");
    for (const one of why) {
      const reason = document.createElement("li");
      reason.textContent = `${inWords(one.count)} · ${words.reasons[one.reason] || one.reason}`;
      list.append(reason);
    }
    line.append(list);
  }
  return line;
}

function drawChannel(channel) {
  const element = panel.querySelector(`[data-channel="${CSS.escape(channel.key)}"]`);
  const paused = element.querySelector("[data-paused]");
  paused.hidden = !channel.paused_reason;
  paused.title = channel.paused_reason;
  const bar = element.querySelector("[data-bar]");
  for (const [part, states] of Object.entries(PARTS)) {
    const share = channel.total ? (sum(channel.counts, states) * 100) / channel.total : 0;
    bar.querySelector(`.${TONES[part]}`).parentElement.style.width = `${share}%`;
  }
  bar.setAttribute("aria-valuenow", percent(channel.settled, channel.total));
  element.querySelector("[data-numbers]").textContent = `${inWords(channel.settled)} / ${inWords(channel.total)}`;
  const lines = [...spoken(channel.counts)].map(([word, states]) => countLine(word, states, channel));
  element.querySelector("[data-counts]").replaceChildren(...lines);
}

// Said aloud at every quarter only: a screen reader is not to talk every second.
let saidQuarter = -1;
function say(progress, share) {
  const said = panel.querySelector("[data-said]");
  const quarter = progress.complete ? 5 : Math.floor(share / 25);
  if (quarter === saidQuarter) return;
  saidQuarter = quarter;
  said.textContent = progress.complete ? said.dataset.done : `${share} % ${said.dataset.running}`;
}

function draw(progress) {
  panel.querySelector("[data-audience]").textContent = inWords(progress.audience);
  panel.querySelector("[data-read]").textContent = inWords(progress.read);
  progress.channels.forEach(drawChannel);
  const settled = progress.channels.reduce((total, one) => total + one.settled, 0);
  const total = progress.channels.reduce((all, one) => all + one.total, 0);
  const share = percent(settled, total);
  panel.querySelector("[data-percent]").textContent = total ? `${share}%` : "–";
  panel.classList.toggle("complete", progress.complete);
  say(progress, share);
}

const stateOf = (progress) => `${progress.status} ${progress.paused}`;

// The rest of the page (state, buttons, people not reached) is the server's: take it from a fresh copy.
async function refresh() {
  if (!state.startsWith("scheduled")) every = 1000;
  const fresh = new DOMParser().parseFromString((await api.get(window.location.href)).data, "text/html");
  for (const id of ["head", "note", "problems"]) document.getElementById(id).replaceWith(fresh.getElementById(id));
}

async function follow(etag) {
  try {
    const answer = await ifChanged(panel.dataset.url, etag);
    panel.querySelector("[data-trouble]").hidden = true;
    if (answer.data) draw(answer.data);
    const moved = answer.data && stateOf(answer.data) !== state;
    if (moved) state = stateOf(answer.data);
    if (moved || answer.data?.complete) await refresh();
    if (answer.data?.complete) return;
    setTimeout(follow, every, answer.etag);
  } catch {
    panel.querySelector("[data-trouble]").hidden = false;
    setTimeout(follow, every * 3, etag);
  }
}

const first = read("progress-data");
let state = stateOf(first);
draw(first);
if (!panel.hidden && !first.complete) follow("");
