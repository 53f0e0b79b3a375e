// The API's documentation in the theme that was chosen in FlashPay, or else the system's. Before the first paint.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const show = () => document.documentElement.classList.toggle("dark-mode", (stored() || (system.matches ? "dark" : "light")) === "dark");
  show();
  system.addEventListener("change", show);
})();
