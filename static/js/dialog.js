// [data-dialog="id"] opens that <dialog>; [data-close] inside it, Escape, and a click beside it close it again.
(() => {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
      document.getElementById(opener.dataset.dialog)?.showModal();
    } else if (event.target.closest("dialog [data-close]")) {
      event.preventDefault();
      event.target.closest("dialog").close();
    } else if (event.target.tagName === "DIALOG" && event.target.open) {
      event.target.close();
    }
  });
  for (const wrong of document.querySelectorAll("dialog[data-open]")) wrong.showModal();
})();
