// Keeps balance and history fresh while the page is looked at, and selects an invoice when it is touched.
"use strict";

const REFRESH_MS = 1000;
const place = document.querySelector("[data-refresh]");
let last = "";

function swap(fresh, id) {
  const here = document.getElementById(id);
  const there = fresh.getElementById(id);
  if (here && there) here.replaceChildren(...there.childNodes);
}

function timesToLocal() {
  for (const time of document.querySelectorAll("time")) {
    time.textContent = new Date(time.dateTime).toLocaleString();
  }
}

async function refresh() {
  if (document.hidden || document.querySelector("details[open]")) return;
  try {
    const answer = await fetch(place.dataset.refresh);
    const text = await answer.text();
    if (!answer.ok || text === last) return;
    last = text;
    const fresh = new DOMParser().parseFromString(text, "text/html");
    swap(fresh, "live-balance");
    if (document.activeElement?.id !== "tap") swap(fresh, "live-card");
    swap(fresh, "live-history");
    copyOffer();
    timesToLocal();
  } catch (error) {
    // The sandbox is away for a moment; the next round tries again.
  }
}

function copyOffer() {
  for (const button of document.querySelectorAll("[data-copies]")) button.hidden = !navigator.clipboard;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copies]");
  if (button) navigator.clipboard.writeText(document.getElementById(button.dataset.copies).value);
});

document.addEventListener("focusin", (event) => {
  if (event.target.matches("[data-select]")) event.target.select();
});

timesToLocal();
copyOffer();
setInterval(refresh, REFRESH_MS);
