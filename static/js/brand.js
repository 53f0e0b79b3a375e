// The brand page: a colour or logo shows in the preview as soon as it is chosen. Nothing is kept before Save.
// What the colour becomes (ink, links, hover) is worked out by the server: its style sheet for the colour is put in place.
(() => {
  const form = document.querySelector("[data-brand]");
  if (!form) return;
  const text = form.elements.color, wheel = form.querySelector("[data-brand-wheel]"), file = form.elements.logo;
  const says = form.querySelector("[data-brand-says]"), logos = document.querySelectorAll("[data-brand-logo]");
  let waiting = 0;

  function digitsOf(value) {
    const found = /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(value.trim());
    if (!found) return null;
    const digits = found[1].toLowerCase();
    return digits.length === 6 ? digits : digits.replace(/./g, "$&$&");
  }

  function show(digits) {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const sheet = document.getElementById("preview-css"), next = sheet.cloneNode();
      next.href = form.dataset.brand.replace(/[0-9a-f]{6}(?=-preview)/, digits);
      // The old one goes when the new one is there, so that nothing flickers.
      next.addEventListener("load", () => sheet.remove());
      sheet.after(next);
      sheet.removeAttribute("id");
    }, 120);
  }

  text.addEventListener("input", () => {
    const digits = digitsOf(text.value || form.dataset.brandPlain);
    if (!digits) return;
    wheel.value = "#" + digits;
    show(digits);
  });
  wheel.addEventListener("input", () => {
    text.value = wheel.value;
    show(wheel.value.slice(1));
  });
  file.addEventListener("change", () => {
    says.textContent = "";
    const chosen = file.files[0];
    if (!chosen) return;
    if (chosen.size > Number(form.dataset.brandBytes)) {
      says.textContent = "This picture is larger than 4 MB. Please save it smaller and choose it again.";
      return;
    }
    const reader = new FileReader();
    reader.addEventListener("load", () => logos.forEach((logo) => {
      logo.hidden = false;
      logo.src = reader.result;
    }));
    reader.readAsDataURL(chosen);
  });
})();
