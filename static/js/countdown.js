// [data-countdown="873"]: seconds left when the page was made, counted down. Seconds, not a date: phones' clocks are often wrong.
// At zero the element sends the event "countdown:over", which live.js answers by looking again.
(() => {
  const ends = new WeakMap();
  const two = (number) => String(number).padStart(2, "0");
  // data-days="{days} d {hours} h": how the page's language writes more than a day.
  const words = (left, long = "{days} d {hours} h") => {
    if (left >= 2 * 86400) return long.replace("{days}", Math.floor(left / 86400)).replace("{hours}", Math.floor((left % 86400) / 3600));
    const [hours, minutes, seconds] = [Math.floor(left / 3600), Math.floor((left % 3600) / 60), left % 60];
    return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
  };
  const tick = () => {
    for (const element of document.querySelectorAll("[data-countdown]")) {
      if (!ends.has(element)) ends.set(element, { at: performance.now() + element.dataset.countdown * 1000, over: false });
      const end = ends.get(element);
      const left = Math.max(0, Math.round((end.at - performance.now()) / 1000));
      const shown = words(left, element.dataset.days);
      if (element.tagName === "PROGRESS") element.value = left;
      else if (element.textContent !== shown) element.textContent = shown;
      if (left === 0 && !end.over) {
        end.over = true;
        element.dispatchEvent(new CustomEvent("countdown:over", { bubbles: true }));
      }
    }
  };
  tick();
  setInterval(tick, 500);
  document.addEventListener("live:swapped", tick);
})();
