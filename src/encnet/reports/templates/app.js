/* Interaction on the page of `encnet app`. Listeners are on the document, because results are replaced. Nothing here
   contacts the server. */
(() => {
  const inside = (event, selector) => event.composedPath().find((node) => node.matches?.(selector));
  const classes = new WeakMap(); // image element of class indices -> its pixels

  document.addEventListener("input", (event) => {
    const slider = inside(event, ".encnet-viewer .opacity input");
    if (slider) slider.closest(".encnet-viewer").querySelector(".colors").style.opacity = slider.value / 100;
  });

  function pixelsOf(picture) {
    if (!classes.has(picture) && picture.complete && picture.naturalWidth) {
      const canvas = document.createElement("canvas");
      canvas.width = picture.naturalWidth;
      canvas.height = picture.naturalHeight;
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(picture, 0, 0);
      classes.set(picture, context.getImageData(0, 0, canvas.width, canvas.height));
    }
    return classes.get(picture);
  }

  function nameClass(event) {
    const stage = inside(event, ".encnet-viewer .stage");
    for (const other of document.querySelectorAll(".encnet-viewer .pixel"))
      if (other.parentElement !== stage) other.hidden = true;
    if (!stage) return;
    const pixels = pixelsOf(stage.querySelector(".indices"));
    if (!pixels) return;
    const box = stage.getBoundingClientRect();
    const across = (event.clientX - box.left) / box.width, down = (event.clientY - box.top) / box.height;
    const at = (share, length) => Math.min(length - 1, Math.max(0, Math.floor(share * length)));
    const place = 4 * (at(down, pixels.height) * pixels.width + at(across, pixels.width));
    const names = JSON.parse(stage.dataset.names);
    // Up to 255 classes are grey levels; more are in red and green.
    const index = pixels.data[place] + (names.length > 255 ? 256 * pixels.data[place + 1] : 0);
    const label = stage.querySelector(".pixel");
    label.textContent = names[index] ?? "";
    label.title = `column ${at(across, stage.dataset.width)}, row ${at(down, stage.dataset.height)}`;
    label.hidden = false;
    // Above the pointer or finger, and inside the picture.
    label.style.left = `${Math.max(0, Math.min(across * box.width, box.width - label.offsetWidth))}px`;
    label.style.top = `${Math.max(0, down * box.height - label.offsetHeight - 14)}px`;
  }
  document.addEventListener("pointermove", nameClass);
  document.addEventListener("pointerdown", nameClass);

  document.addEventListener("click", (event) => {
    const button = inside(event, ".encnet-viewer .downloads button");
    if (!button) return;
    const { file, type, base64, text } = button.dataset;
    const content = base64 === undefined ? text : Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type }));
    link.download = file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  });
})();
