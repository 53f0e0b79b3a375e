// [data-countdown="873"]: seconds left when the page was made, counted down. Seconds, not a date: phones' clocks are often wrong.
// At zero the element sends the event "countdown:over", which live.js answers by looking again.
(() => {
  const ends = new WeakMap();
  const two = (number) => String(number).padStart(2, "0");
  const words = (left) => {
    if (left >= 2 * 86400) return `${Math.floor(left / 86400)} d ${Math.floor((left % 86400) / 3600)} h`;
    const [hours, minutes, seconds] = [Math.floor(left / 3600), Math.floor((left % 3600) / 60), left % 60];
    return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
  };
  const tick = () => {
    for (const element of document.querySelectorAll("[data-countdown]")) {
      if (!ends.has(element)) ends.set(element, { at: performance.now() + element.dataset.countdown * 1000, over: false });
      const end = ends.get(element);
      const left = Math.max(0, Math.round((end.at - performance.now()) / 1000));
      if (element.tagName === "PROGRESS") element.value = left;
      else if (element.textContent !== words(left)) element.textContent = words(left);
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
