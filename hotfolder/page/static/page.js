"use strict";

// Before and after: a range field does mouse, touch and arrow keys; here it moves the edge between the two.
function enableSliders(root) {
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

// Attributes that an element on the page keeps: the reader changes them, not the server.
const READER_ATTRIBUTES = new Set(["open", "style", "hidden"]);

// Make `old` like `fresh` and leave alone what is the same: pictures, focus, open parts, filled fields.
function patch(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
    old.replaceWith(fresh);
    return;
  }
  for (const { name, value } of fresh.attributes) {
    if (!READER_ATTRIBUTES.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value); // else pictures load anew
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !READER_ATTRIBUTES.has(name)) old.removeAttribute(name);
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

// Live updates: the server sends a new stamp, and <main> is patched with the page's current content.
const main = document.querySelector("main[data-stamp]");
let wantedStamp = "", fetching = false, source = null, offlineTimer = 0, reconnectTimer = 0, silenceTimer = 0;

// Shown after some seconds: the server ends each stream now and then, and a new one begins.
const showOffline = () => { offlineTimer ||= setTimeout(() => document.documentElement.classList.add("away"), 5000); };
function showOnline() {
  offlineTimer = clearTimeout(offlineTimer);
  document.documentElement.classList.remove("away");
}

async function refreshMain() {
  if (fetching) return;
  fetching = true;
  try {
    while (wantedStamp !== main.dataset.stamp) {
      const asked = wantedStamp;
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected) return location.reload();
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("main[data-stamp]");
      // Another page says why, as of a project that is gone; what is no page of ours is a proxy's, for a while.
      if (!fresh && answer.status < 500 && page.getElementById("content")) return location.reload();
      if (!fresh) throw new Error(answer.statusText);
      const focused = document.activeElement;
      patch(main, fresh);
      enableSliders(main);
      document.title = page.title;
      if (focused && focused.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
      if (asked === wantedStamp) wantedStamp = main.dataset.stamp;
    }
    showOnline();
  } catch {
    showOffline();
    reconnectLater();
  } finally {
    fetching = false;
  }
}

function openStream() {
  if (!main || source || document.hidden) return;
  source = new EventSource("/live");
  source.onerror = () => {
    showOffline();
    // Refused, as where another tab has signed out: a page leads to signing in. Or by a proxy, for a while.
    if (source.readyState === EventSource.CLOSED) {
      wantedStamp = "";
      refreshMain();
      reconnectLater();
    }
  };
  // A stream doesn't end when the server loses power or the line is cut; the server repeats its stamp every 15 seconds.
  const restartSilenceTimer = () => {
    clearTimeout(silenceTimer);
    silenceTimer = setTimeout(() => { showOffline(); reconnectLater(); }, 40000);
  };
  restartSilenceTimer();
  source.onmessage = (event) => {
    restartSilenceTimer();
    wantedStamp = event.data;
    refreshMain();
  };
}
function closeStream() {
  clearTimeout(silenceTimer);
  if (source) source.close();
  source = null;
}
function reconnectLater() {
  closeStream();
  reconnectTimer ||= setTimeout(() => { reconnectTimer = 0; openStream(); }, 5000);
}
document.addEventListener("visibilitychange", () => { document.hidden ? closeStream() : openStream(); });

// Retries a picture that failed to load: its photo may just be moved.
const attemptsByPicture = new WeakMap();
function retryPicture(picture) {
  const times = (attemptsByPicture.get(picture) || 0) + 1;
  attemptsByPicture.set(picture, times);
  picture.style.visibility = "hidden";
  if (times < 4) setTimeout(() => picture.setAttribute("src", picture.getAttribute("src")), 2000 * times);
}
for (const picture of document.images) if (picture.complete && !picture.naturalWidth) retryPicture(picture);
document.addEventListener("error", ({ target }) => { if (target.nodeName === "IMG") retryPicture(target); }, true);
document.addEventListener("load", ({ target }) => { if (target.nodeName === "IMG") target.style.visibility = ""; }, true);

// Seconds that are counted up between two updates.
setInterval(() => {
  for (const number of document.querySelectorAll("[data-tick]")) number.textContent = Number(number.textContent) + 1;
  for (const bar of document.querySelectorAll("progress[data-ticking]")) bar.value += 1;
}, 1000);

// The URL of the shown page, without its fragment, which leads to no other page.
const currentUrl = () => location.href.replace(/#.*/, "");
let shownUrl = currentUrl();

// The text about the last action disappears after a while, with the next update.
setTimeout(() => {
  const here = new URL(location);
  here.searchParams.delete("told");
  history.replaceState(null, "", here);
  shownUrl = currentUrl();
}, 8000);

// A click into a link to be copied selects all of it.
document.addEventListener("focusin", ({ target }) => { if (target.readOnly && target.type === "text") target.select(); });

document.documentElement.classList.add("js");
enableSliders(document);
openStream();

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
    showOnline();
    if (answer.redirected) history.pushState(null, "", answer.url);
    shownUrl = currentUrl();
  } catch {
    document.documentElement.classList.add("away");
  }
});
window.addEventListener("popstate", () => { if (currentUrl() !== shownUrl) location.reload(); });
document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (event.target.name === "name" && form && "inplace" in form.dataset) form.requestSubmit(form.querySelector("button"));
});
let dragged = null, dropTarget = null;
function highlightTarget(set) {
  if (dropTarget) dropTarget.classList.remove("over");
  dropTarget = set;
  if (dropTarget) dropTarget.classList.add("over");
}
document.addEventListener("dragstart", (event) => { dragged = event.target.closest(".sorted .frames li"); });
document.addEventListener("dragend", () => { dragged = null; highlightTarget(null); });
document.addEventListener("dragover", (event) => {
  const set = dragged && event.target.closest(".sorted");
  highlightTarget(set && !set.contains(dragged) ? set : null);
  if (dropTarget) event.preventDefault();
});
document.addEventListener("drop", (event) => {
  if (!dropTarget || !dragged) return;
  event.preventDefault();
  const form = dropTarget.closest("form");
  dragged.querySelector("input").checked = true;
  form.elements.to.value = dropTarget.dataset.place;
  form.requestSubmit(form.querySelector("button[value=move]"));
});
