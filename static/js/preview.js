// form[data-preview] says what it would come to while it is filled in: its fields go by GET to the page's own address (header
// X-Fragment: 1), and the answer into the [data-preview-shown] inside it. Nothing is changed by that.
(() => {
  const WAIT_MS = 250;
  for (const form of document.querySelectorAll("form[data-preview]")) {
    const shown = form.querySelector("[data-preview-shown]");
    let waiting = 0, latest = 0;
    const look = async () => {
      const mine = ++latest, typed = new URLSearchParams(new FormData(form));
      typed.delete("csrfmiddlewaretoken");
      try {
        const answer = await fetch(`${location.pathname}?${typed}`, { headers: { "X-Fragment": "1" }, cache: "no-store" });
        if (answer.ok && mine === latest) shown.innerHTML = await answer.text();
      } catch { /* offline for a moment: the next key asks again */ }
    };
    form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(look, WAIT_MS); });
  }
})();
