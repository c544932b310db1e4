"use strict";

// Before and after: a range field does mouse, touch and arrow keys; here it moves the edge between the two.
function dress(root) {
  for (const box of root.querySelectorAll(".compare")) {
    const range = box.querySelector("input");
    range.hidden = false;
    box.classList.add("sliding");
    box.style.setProperty("--at", range.value + "%");
  }
}
document.addEventListener("input", (event) => {
  const box = event.target.closest(".compare");
  if (box) box.style.setProperty("--at", event.target.value + "%");
});

// What is kept of an element that is on the page already: it is the reader's, not the server's.
const OWN = new Set(["open", "style", "hidden"]);

// Make `old` like `fresh` and leave alone what is the same: pictures, focus, open parts, filled fields.
function patch(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
    old.replaceWith(fresh);
    return;
  }
  for (const { name, value } of fresh.attributes) {
    if (!OWN.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value); // else pictures load anew
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !OWN.has(name)) old.removeAttribute(name);
  }
  const known = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let at = old.firstChild;
  for (const node of [...fresh.childNodes]) {
    const alike = at && !at.id && at.nodeName === node.nodeName ? at : null;
    const same = node.id ? known.get(node.id) : alike;
    if (!same) {
      old.insertBefore(node, at);
      continue;
    }
    if (same === at) at = at.nextSibling;
    else old.insertBefore(same, at);
    patch(same, node);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// Live: the server says that there is news, and <main> becomes what the page is by now.
const main = document.querySelector("main[data-stamp]");
let wanted = "", fetching = false, source = null, leaving = 0, waiting = 0, silence = 0;

// Told after some seconds: the server ends each stream now and then, and a new one begins.
const away = () => { leaving ||= setTimeout(() => document.documentElement.classList.add("away"), 5000); };
function back() {
  leaving = clearTimeout(leaving);
  document.documentElement.classList.remove("away");
}

async function renew() {
  if (fetching) return;
  fetching = true;
  try {
    while (wanted !== main.dataset.stamp) {
      const asked = wanted;
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected) return location.reload();
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("main[data-stamp]");
      // Another page says why, as of a project that is gone; what is no page of ours is a proxy's, for a while.
      if (!fresh && answer.status < 500 && page.getElementById("content")) return location.reload();
      if (!fresh) throw new Error(answer.statusText);
      const focused = document.activeElement;
      patch(main, fresh);
      dress(main);
      document.title = page.title;
      if (focused && focused.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
      if (asked === wanted) wanted = main.dataset.stamp;
    }
    back();
  } catch {
    away();
    listenAnew();
  } finally {
    fetching = false;
  }
}

function listen() {
  if (!main || source || document.hidden) return;
  source = new EventSource("/live");
  source.onerror = () => {
    away();
    // Refused, as where another tab has signed out: a page leads to signing in. Or by a proxy, for a while.
    if (source.readyState === EventSource.CLOSED) {
      wanted = "";
      renew();
      listenAnew();
    }
  };
  // A machine without power and a cut line end no stream; the server repeats its stamp every 15 seconds.
  const hear = () => {
    clearTimeout(silence);
    silence = setTimeout(() => { away(); listenAnew(); }, 40000);
  };
  hear();
  source.onmessage = (event) => {
    hear();
    wanted = event.data;
    renew();
  };
}
function stop() {
  clearTimeout(silence);
  if (source) source.close();
  source = null;
}
function listenAnew() {
  stop();
  waiting ||= setTimeout(() => { waiting = 0; listen(); }, 5000);
}
document.addEventListener("visibilitychange", () => { document.hidden ? stop() : listen(); });

// A picture whose photo is just being moved is there a moment later.
const tried = new WeakMap();
function again(picture) {
  const times = (tried.get(picture) || 0) + 1;
  tried.set(picture, times);
  picture.style.visibility = "hidden";
  if (times < 4) setTimeout(() => picture.setAttribute("src", picture.getAttribute("src")), 2000 * times);
}
for (const picture of document.images) if (picture.complete && !picture.naturalWidth) again(picture);
document.addEventListener("error", ({ target }) => { if (target.nodeName === "IMG") again(target); }, true);
document.addEventListener("load", ({ target }) => { if (target.nodeName === "IMG") target.style.visibility = ""; }, true);

// Seconds that run on by themselves between two pieces of news.
setInterval(() => {
  for (const number of document.querySelectorAll("[data-tick]")) number.textContent = Number(number.textContent) + 1;
  for (const bar of document.querySelectorAll("progress[data-ticking]")) bar.value += 1;
}, 1000);

// The address of what is shown; a link to a place on the page leads to no other.
const address = () => location.href.replace(/#.*/, "");
let shown = address();

// What was done last is told for a while, until there is other news.
setTimeout(() => {
  const here = new URL(location);
  here.searchParams.delete("told");
  history.replaceState(null, "", here);
  shown = address();
}, 8000);

// A link to be copied is chosen as a whole.
document.addEventListener("focusin", ({ target }) => { if (target.readOnly && target.type === "text") target.select(); });

document.documentElement.classList.add("js");
dress(document);
listen();

// A held shoot: its form is posted at every step; with a script that is done in place, and photos are dragged.
document.addEventListener("submit", async (event) => {
  const form = event.target, button = event.submitter;
  if (!("inplace" in form.dataset) || !button || button.value.startsWith("approve")) return;
  event.preventDefault();
  const place = button.closest(".sorted")?.dataset.place;
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form, button)) });
    if (answer.headers.has("refresh")) return location.assign(answer.url); // its photos are read first
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    patch(document.querySelector("main"), page.querySelector("main"));
    if (!button.isConnected) document.querySelector(`[data-place="${place - 1}"] [name=name]`)?.focus({ preventScroll: true });
    back();
    if (answer.redirected) history.pushState(null, "", answer.url);
    shown = address();
  } catch {
    document.documentElement.classList.add("away");
  }
});
window.addEventListener("popstate", () => { if (address() !== shown) location.reload(); });
document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (event.target.name === "name" && form && "inplace" in form.dataset) form.requestSubmit(form.querySelector("button"));
});
let dragged = null, under = null;
function over(set) {
  if (under) under.classList.remove("over");
  under = set;
  if (under) under.classList.add("over");
}
document.addEventListener("dragstart", (event) => { dragged = event.target.closest(".sorted .frames li"); });
document.addEventListener("dragend", () => { dragged = null; over(null); });
document.addEventListener("dragover", (event) => {
  const set = dragged && event.target.closest(".sorted");
  over(set && !set.contains(dragged) ? set : null);
  if (under) event.preventDefault();
});
document.addEventListener("drop", (event) => {
  if (!under || !dragged) return;
  event.preventDefault();
  const form = under.closest("form");
  dragged.querySelector("input").checked = true;
  form.elements.to.value = under.dataset.place;
  form.requestSubmit(form.querySelector("button[value=move]"));
});
