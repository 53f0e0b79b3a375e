// What makes a till an app: a sale opens without leaving the page (so the sound that the first touch allowed stays allowed),
// the screen stays awake while a code is shown, and without a network there is a page that says so.
(() => {
  const waiting = () => document.querySelector("[data-awake]:not(:has([data-final]))");
  let lock = null;

  const awake = async () => {
    if (!navigator.wakeLock || document.hidden) return;
    try {
      if (waiting()) lock ||= await navigator.wakeLock.request("screen");
      else if (lock) { await lock.release(); lock = null; }
      lock?.addEventListener("release", () => { lock = null; }, { once: true });
    } catch { /* low battery, or not allowed: the screen may go dark */ }
  };

  const failed = (form, words) => {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
    const place = document.getElementById("till-trouble");
    place.hidden = !words;
    place.querySelector("p").textContent = words;
  };

  const send = async (form) => {
    let answer, html;
    try {
      answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
      html = await answer.text();
    } catch {
      return failed(form, form.closest("[data-offline]").dataset.offline);
    }
    const fresh = new DOMParser().parseFromString(html, "text/html");
    const main = fresh.querySelector("main");
    if (!main?.querySelector(".till")) return location.assign(answer.url);
    document.querySelector("main").replaceWith(main);
    document.title = fresh.title;
    if (answer.redirected) history.pushState({ till: true }, "", answer.url);
    const says = document.getElementById("fp-says"), news = main.querySelector("[data-announce]")?.dataset.announce;
    if (says && news) says.textContent = news;
    document.dispatchEvent(new CustomEvent("page:changed"));
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
    awake();
  };

  // After page.js, which sees to it that a form is sent once.
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || !event.target.hasAttribute("data-soft")) return;
    event.preventDefault();
    send(event.target);
  });
  addEventListener("popstate", () => location.reload());
  document.addEventListener("visibilitychange", awake);
  document.addEventListener("live:swapped", awake);
  awake();

  const worker = document.querySelector("link[data-worker]")?.dataset.worker;
  if (worker && navigator.serviceWorker) navigator.serviceWorker.register(worker).catch(() => {});
})();
