// An open page: it hears of changes, asks the server for what changed as HTML, and puts that in without moving what is read.
const byId = (id) => document.getElementById(id);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const main = byId("_main"), entries = byId("_entries"), button = byId("_new"), status = byId("_status");
const { page, stream, changes: changesUrl, single } = main.dataset;
const older = "older" in main.dataset;
const texts = JSON.parse(byId("_texts").textContent);
const language = document.documentElement.lang.split("-")[0];
const policy = self.trustedTypes?.createPolicy("dateline", { createHTML: (text) => text }) ?? { createHTML: (text) => text };
const say = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Do something until it returns true, later and later. */
async function until(act) {
  for (let n = 0; n < 7 && !(await act().catch(() => false)); n += 1) await pause(500 * 2 ** n);
}

// The story's position that this page has heard of.
let seq = +main.dataset.seq;
let title = document.title;
// Update -> the seq of its latest document.
const heard = new Map();
// Update -> the seq that took it off.
const gone = new Map();
// Updates asked for and not here yet.
const owed = new Set();
// Update -> its article, until the reader wants to see it.
const pending = new Map();

/** Return what reads something until it is as new as the highest seq that was asked of it, once at a time. */
function reaching(read) {
  let wanted = 0;
  return async (at = seq) => {
    const isRead = wanted > 0;
    wanted = Math.max(wanted, at, 1);
    if (isRead) return;
    await pause(Math.random() * 300);
    await until(async () => (await read(wanted)) >= wanted);
    wanted = 0;
  };
}

document.documentElement.classList.add("js");

// Times, in the reader's zone

const locale = (language === "en" ? "en-GB" : language) + "-u-nu-latn";
const hour = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const date = { day: "numeric", month: "long" };
const dated = { ...date, year: "numeric" };
const format = (options) => new Intl.DateTimeFormat(locale, options).format;
const forms = {
  hour: format(hour),
  day: format({ weekday: "long", ...dated }),
  short: format({ ...date, ...hour }),
  moment: format({ ...dated, ...hour }),
  exact: format({ weekday: "long", ...dated, ...hour, second: "2-digit", timeZoneName: "short" }),
};

function localize(within) {
  for (const time of all("time[data-t]", within)) {
    const when = new Date(time.dateTime);
    time.textContent = forms[time.dataset.t](when);
    time.title = `${forms.exact(when)}\n${time.title}`;
    delete time.dataset.t;
  }
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
  for (const words of all(".zone", within)) words.textContent = say(texts.your_times, { zone: zone.replaceAll("_", " ") });
  return within;
}

// Where the reader is

const atTop = () => scrollY < 50 || entries.getBoundingClientRect().top > innerHeight;
const articles = () => all(":scope > article", entries);
const placeOf = (article) => +article.dataset.place;
const those = (id, within = main) => all(`[data-update="${CSS.escape(id)}"]`, within);

/** Change the page so that what is in sight stays where it is. */
function steady(change) {
  const key = (article) => (article.closest(".pinned") ? "p " : "e ") + article.dataset.update;
  const boxes = scrollY > 0 ? all("article", main).map((one) => [key(one), one.getBoundingClientRect()]) : [];
  // The reader's eyes are in the upper part of what is in sight.
  const line = innerHeight / 3, away = ([, box]) => Math.max(box.top - line, line - box.bottom, 0);
  boxes.sort((a, b) => away(a) - away(b));
  const root = document.documentElement.style;
  root.overflowAnchor = "none";
  change();
  const now = new Map(all("article", main).map((one) => [key(one), one]));
  const kept = boxes.find(([name]) => now.has(name));
  if (kept) scrollBy({ top: now.get(kept[0]).getBoundingClientRect().top - kept[1].top, behavior: "instant" });
  requestAnimationFrame(() => { root.overflowAnchor = ""; });
}

const focus = (element) => element?.focus({ preventScroll: true });

/** Put one element in the place of another; what was opened stays open, and the focus where it was. */
function swap(old, fresh) {
  const open = (one) => all("details", one).reverse();
  open(old).forEach((one, at) => { const same = open(fresh)[at]; if (same) same.open = one.open; });
  const controls = (one) => all("a, button, summary", one);
  const at = controls(old).indexOf(document.activeElement);
  steady(() => old.replaceWith(fresh));
  if (at >= 0) focus(controls(fresh)[at] ?? controls(fresh)[0]);
}

function days() {
  all(":scope > .day", entries).forEach((one) => one.remove());
  let last = "";
  for (const article of articles()) {
    const when = article.querySelector(".when time").dateTime, day = forms.day(new Date(when));
    if (day !== last) {
      const heading = document.createElement("h2"), time = document.createElement("time");
      heading.className = "day";
      time.dateTime = when;
      time.textContent = last = day;
      heading.append(time);
      article.before(heading);
    }
  }
}

// Updates

function insert(article) {
  const below = articles().find((one) => placeOf(one) < placeOf(article));
  if (below) below.before(article);
  else entries.append(article);
  // The foot said that there is nothing yet.
  if (articles().length === 1) byId("_end")?.remove();
  article.classList.add("fresh");
}

/** Put in an update as it stands now; `anew` if the one that is here may be wrong without being older. */
function put(article, anew = false) {
  const { update, seq: its } = article.dataset;
  if (its <= (gone.get(update) ?? 0)) return;
  if (its >= (heard.get(update) ?? 0)) owed.delete(update);
  else if (!owed.has(update)) ask(update);
  const [here] = those(update, entries).filter((one) => one.parentNode === entries);
  const isOld = (one) => one.dataset.seq < +its + anew;
  if (here && !isOld(here)) return;
  localize(article);
  if (here) {
    article.classList.toggle("fresh", here.dataset.seq < +its);
    swap(here, article);
  } else if (pending.has(update)) {
    if (isOld(pending.get(update))) pending.set(update, article);
  } else {
    arrive(article);
  }
  days();
  pill();
}

function arrive(article) {
  const [first, last] = [articles().at(0), articles().at(-1)];
  const isNewest = !first || placeOf(article) > placeOf(first);
  // It stands on another page.
  if (isNewest ? older : byId("_more") && placeOf(article) < placeOf(last)) return;
  if (isNewest && atTop()) insert(article);
  else if (isNewest) pending.set(article.dataset.update, article);
  else steady(() => insert(article));
}

/** Take an update off, all of it: from the page, from what waits, from what search engines would read here. */
function remove(update, at) {
  gone.set(update, at);
  owed.delete(update);
  pending.delete(update);
  byId("_ld")?.remove();
  const found = those(update);
  const next = found.map((one) => one.contains(document.activeElement) && one.nextElementSibling).find(Boolean);
  steady(() => found.forEach((one) => one.remove()));
  focus(next?.querySelector("a"));
  all(".keys, .pinned").forEach((one) => one.querySelector("[data-update]") || one.remove());
  if (entries) days();
  pill();
  if (found.length) notice(texts.withdrawn);
}

/** Ask for an update as it stands now; every open page asks for the same address. */
async function ask(update) {
  owed.add(update);
  await pause(Math.random() * 300);
  await until(async () => {
    const wanted = heard.get(update);
    if (!owed.has(update)) return true;
    const article = (await html(`${page}/updates/${encodeURIComponent(update)}/entry?seq=${wanted}`))?.querySelector("article");
    if (article) put(article);
    // It is gone, which a change will say.
    else owed.delete(update);
    return !owed.has(update);
  });
}

function pill() {
  const n = pending.size;
  if (button) button.hidden = !n;
  if (n) button.textContent = say(texts.new_updates[new Intl.PluralRules(language).select(n)] ?? texts.new_updates.other, { n });
  document.title = n ? `(${n}) ${title}` : title;
}

function showPending() {
  const waiting = [...pending.values()].sort((a, b) => placeOf(a) - placeOf(b));
  pending.clear();
  waiting.forEach(insert);
  days();
  pill();
  return waiting.at(-1);
}

// The top of the page

const askHead = reaching(async (wanted) => {
  const fresh = (await html(`${page}/head?seq=${wanted}`)).getElementById("_head");
  putHead(fresh);
  return +fresh.dataset.seq;
});

function putHead(fresh) {
  const old = byId("_head");
  if (fresh.dataset.seq < +old.dataset.seq) return;
  all("[data-update]", fresh).forEach((one) => (gone.get(one.dataset.update) ?? 0) > fresh.dataset.seq && one.remove());
  swap(old, localize(fresh));
  main.toggleAttribute("data-closed", fresh.hasAttribute("data-closed"));
  title = fresh.querySelector("h1").textContent.trim();
  pill();
  badge();
}

// Changes

function hear(change) {
  if (change.seq <= seq) return;
  // What is taken off goes at once, whatever else is missing.
  if (change.update && !change.document) {
    if (change.update === single) return leave();
    remove(change.update, change.seq);
  }
  if (change.after > seq) return refresh(change.seq);
  seq = change.seq;
  if (single) return change.update === single && refresh(seq);
  if (!change.update) return askHead(seq);
  const marked = all("[data-update]", byId("_head")).some((one) => one.dataset.update === change.update);
  if (marked || !change.document || change.document.key_event || change.document.pinned) askHead(seq);
  if (change.document) follow(change);
}

function follow({ update, kind, document: { seq: its } }) {
  heard.set(update, Math.max(its, heard.get(update) ?? 0));
  if (those(update, entries).length || pending.has(update) || kind === "published" || kind === "released") ask(update);
}

function leave() {
  main.replaceChildren();
  byId("_ld")?.remove();
  document.title = "";
  location.reload();
}

async function html(url, cache = "default") {
  const answer = await fetch(url, { headers: { Accept: "text/html" }, cache });
  if (answer.status === 410 || answer.status === 404) return null;
  if (!answer.ok) throw new Error(`${answer.status}`);
  return new DOMParser().parseFromString(policy.createHTML(await answer.text()), "text/html");
}

const refresh = reaching(async () => {
  const reached = await readAgain();
  seq = Math.max(seq, reached);
  return reached;
});

/** Read the page anew, as far as it is loaded, and put in what is different. */
async function readAgain() {
  const first = await html(single || older ? location.pathname + location.search : page, "no-cache");
  if (!first) return leave();
  const at = +first.getElementById("_main").dataset.seq;
  if (single) {
    main.replaceChildren(...localize(first.getElementById("_main")).childNodes);
    return at;
  }
  putHead(first.getElementById("_head"));
  const seen = new Set(), loaded = Math.min(...articles().map(placeOf));
  let read = first, more, lowest;
  for (;;) {
    const found = all("#_entries > article", read);
    found.forEach((one) => seen.add(one.dataset.update));
    lowest = found.length ? placeOf(found.at(-1)) : 0;
    more = read.getElementById("_more");
    found.forEach((one) => put(one, true));
    if (older || !more || lowest <= loaded) break;
    read = await html(more.getAttribute("href"), "no-cache");
  }
  for (const one of [...articles(), ...pending.values()]) {
    const { update, seq: its } = one.dataset;
    if (!seen.has(update) && its <= at && (!more || placeOf(one) >= lowest)) remove(update, at);
  }
  return at;
}

// The connection

const kinds = "published revised corrected withheld released killed marked story_opened story_revised story_closed story_reopened".split(" ");
let source, timer, link = "live", good = Date.now(), failures = 0, away = false;

function badge() {
  for (const one of all(".badge.live")) one.textContent = link === "live" ? texts.live : texts[link];
}

function show(state) {
  if (link === state) return;
  if (link === "live") good = Date.now();
  link = document.documentElement.dataset.link = state;
  status.textContent = state === "live" ? "" : `${texts[state]} – ${say(texts.last_news, { when: forms.hour(good) })}`;
  badge();
}

let noticeTimer;
function notice(text) {
  status.textContent = text;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { if (status.textContent === text) status.textContent = ""; }, 8000);
}

function stop() {
  source?.close();
  source = undefined;
  clearTimeout(timer);
}

function connect() {
  stop();
  if (away || main.hasAttribute("data-closed") || !self.EventSource) return poll();
  source = new EventSource(`${stream}&since=${seq}`);
  source.onopen = connected;
  source.onerror = () => {
    show(navigator.onLine ? "reconnecting" : "offline");
    failures += 1;
    if (source.readyState === EventSource.CLOSED || failures > 3) later(poll, 1);
  };
  const on = (kind, act) => source.addEventListener(kind, act);
  for (const kind of kinds) on(kind, (event) => { show("live"); hear(JSON.parse(event.data)); });
  on("reset", () => refresh());
  // The line is up, and the site behind it hears of nothing.
  on("lost", () => show("reconnecting"));
  on("regained", connected);
}

function connected() {
  failures = 0;
  show("live");
  owed.forEach(ask);
}

function later(act, seconds) {
  stop();
  timer = setTimeout(act, seconds * 1000 * (0.85 + 0.3 * Math.random()));
}

/** Ask for changes, where there is no stream: none to be had, nobody looking, or coverage that has ended. */
async function poll() {
  try {
    const answer = await fetch(`${changesUrl}?since=${seq}`);
    if (answer.status >= 500) throw new Error(`${answer.status}`);
    if (!answer.ok) await refresh();
    const found = answer.ok ? await answer.json() : { changes: [] };
    found.changes.forEach(hear);
    if (!found.more && found.seq) seq = Math.max(seq, found.seq);
    connected();
    const wait = found.more ? 0.1 : Math.max(found.next_poll ?? 15, away ? 60 : 1);
    later(away || main.hasAttribute("data-closed") ? poll : connect, wait);
  } catch {
    failures += 1;
    show(navigator.onLine ? "reconnecting" : "offline");
    later(poll, Math.min(60, 2 ** failures));
  }
}

let hiding;
addEventListener("visibilitychange", () => {
  clearTimeout(hiding);
  // A stream is not to be had for many tabs.
  if (document.hidden) hiding = setTimeout(() => { away = true; connect(); }, 30_000);
  else if (away || !source) { away = false; connect(); }
});
addEventListener("offline", () => { stop(); show("offline"); });
addEventListener("online", connect);
addEventListener("pagehide", stop);
addEventListener("pageshow", (event) => event.persisted && connect());
document.addEventListener("freeze", stop);
document.addEventListener("resume", connect);

let tick = Date.now();
// A machine that slept has a dead connection and does not know it.
setInterval(() => {
  if (Date.now() - tick > 40_000 && !away) connect();
  tick = Date.now();
}, 10_000);

// What the reader does

button?.addEventListener("click", () => {
  const newest = showPending();
  entries.scrollIntoView();
  focus(newest?.querySelector("a"));
});
addEventListener("scroll", () => { if (pending.size && atTop()) showPending(); }, { passive: true });

async function loadMore(more) {
  const words = more.textContent;
  more.textContent = texts.loading;
  try {
    const read = await html(more.getAttribute("href"));
    const next = read.getElementById("_more"), end = read.getElementById("_end");
    const fresh = all("#_entries > article", read).filter((one) => (gone.get(one.dataset.update) ?? 0) < one.dataset.seq);
    for (const one of fresh) {
      if (those(one.dataset.update, entries).length) continue;
      entries.append(localize(one));
      if ((heard.get(one.dataset.update) ?? 0) > one.dataset.seq) ask(one.dataset.update);
    }
    days();
    if (next) more.setAttribute("href", next.getAttribute("href"));
    else if (end) more.parentNode.replaceWith(end);
    if (!next) focus(fresh[0]?.querySelector("a"));
    more.textContent = words;
  } catch {
    more.textContent = texts.load_failed;
  }
}

async function share(control) {
  const url = control.dataset.share, words = control.textContent;
  try {
    if (navigator.share && matchMedia("(pointer: coarse)").matches) return await navigator.share({ url });
    await navigator.clipboard.writeText(url);
  } catch { return; }
  control.textContent = texts.copied;
  notice(texts.copied);
  setTimeout(() => { control.textContent = words; }, 2000);
}

main.addEventListener("click", (event) => {
  const control = event.target.closest("[data-share], #_more, .keys a");
  if (!control || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const update = control.closest(".keys [data-update]")?.dataset.update;
  if (update !== undefined && !byId(update)) return;
  event.preventDefault();
  if (control.dataset.share) share(control);
  else if (update !== undefined) location.hash = encodeURIComponent(update);
  else loadMore(control);
});

if (!single && /^#[^_]/.test(location.hash) && !document.querySelector(":target")) {
  // An older update, or one that is gone: its own page says.
  location.replace(`${page}/updates/${location.hash.slice(1)}`);
}

localize(main);
if (entries) days();
connect();
