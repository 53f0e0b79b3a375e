// [data-copy="text"]: a button that copies its text and says so, on the spot and to screen readers.
(() => {
  const CONFIRMED_MS = 2000;
  const timers = new WeakMap();

  const copyOld = (text) => {
    // Without HTTPS (a till on the shop's network) browsers offer no clipboard object.
    const area = Object.assign(document.createElement("textarea"), { value: text, readOnly: true, className: "fp-hidden" });
    document.body.append(area);
    const focused = document.activeElement;
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    focused?.focus();
    return done;
  };
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return copyOld(text);
    }
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const done = await copy(button.dataset.copy);
    const says = document.getElementById("fp-says");
    if (says) says.textContent = done ? button.dataset.copied || "Copied" : button.dataset.copyFailed || "Please copy it by hand";
    if (!done) return;
    button.classList.add("fp-copied");
    clearTimeout(timers.get(button));
    timers.set(button, setTimeout(() => button.classList.remove("fp-copied"), CONFIRMED_MS));
  });
})();
