/* The page of `encnet app`: a photograph is chosen, dropped, pasted or taken; the server answers with HTML. */
"use strict";

const at = (selector, inside = document) => inside.querySelector(selector);
const drop = at(".drop"), input = at(".drop input"), preview = at(".preview"), video = at("video");
const result = at("#result"), codewords = at("#codewords"), problem = at("#problem");
const camera = at("#camera"), explain = at("#explain");
const nothing = result.innerHTML;

let photograph = null; // a File
let running = new AbortController(); // the requests for this photograph

// The photograph

function take(file) {
  stopCamera();
  clear();
  const { maxBytes, maxMegabytes } = document.body.dataset;
  if (file.size > maxBytes) return say(`the file is larger than ${maxMegabytes} MB; make the image smaller, or save it as JPEG`);
  photograph = file;
  preview.src = URL.createObjectURL(file);
  preview.hidden = false;
  if (explain) explain.disabled = false;
  arrange();
  post("viewer", result);
}

function clear() {
  running.abort();
  running = new AbortController();
  photograph = null;
  URL.revokeObjectURL(preview.src);
  preview.removeAttribute("src");
  preview.hidden = true;
  result.innerHTML = nothing;
  codewords.replaceChildren();
  input.value = ""; // else the same file could not be chosen again
  if (explain) explain.disabled = true;
  say("");
  arrange();
}

function arrange() {
  const full = !preview.hidden || !video.hidden;
  drop.classList.toggle("full", full);
  for (const part of [at(".sign"), at(".invitation")]) part.toggleAttribute("hidden", full);
  at("#remove").hidden = photograph === null && video.hidden;
  camera.textContent = video.hidden ? "Use the camera" : "Take the photograph";
}

function say(sentence) {
  problem.textContent = sentence;
  problem.hidden = !sentence;
}

async function post(route, target) {
  const { signal } = running;
  at(".working").hidden = false;
  say("");
  try {
    const type = photograph.type.startsWith("image/") ? photograph.type : "application/octet-stream";
    const answer = await fetch(route, { method: "POST", body: photograph, headers: { "Content-Type": type }, signal });
    const text = await answer.text();
    if (answer.ok) target.innerHTML = text; // its texts are escaped by the server
    else say(sentenceOf(text, answer.status));
    if (answer.ok) target.scrollIntoView({ block: "nearest" });
    // Browsers cannot show every format that the server reads.
    if (answer.ok && target === result) preview.src = at(".photograph", result).src;
  } catch (error) {
    if (!signal.aborted) say("the server does not answer; try again");
  } finally {
    if (!signal.aborted) at(".working").hidden = true;
  }
}

function sentenceOf(text, status) {
  try {
    return JSON.parse(text).error;
  } catch {
    return `the server answers with the status ${status}; try again`;
  }
}

input.addEventListener("change", () => input.files.length && take(input.files[0]));
at("#remove").addEventListener("click", () => { stopCamera(); clear(); });
explain?.addEventListener("click", () => post("codewords", codewords));

// Files that are dropped anywhere; otherwise the browser would open them.
document.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
document.addEventListener("dragleave", () => drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
});

document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) take(event.clipboardData.files[0]);
});
// Clipboard and camera exist on https and on localhost only.
at("#paste").hidden = !navigator.clipboard?.read;
at("#paste").addEventListener("click", async () => {
  try {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find((type) => type.startsWith("image/"));
      if (type) return take(new File([await item.getType(type)], "pasted", { type }));
    }
    say("there is no image in the clipboard");
  } catch {
    say("the browser does not let this page read the clipboard; press Ctrl-V instead");
  }
});

camera.hidden = !navigator.mediaDevices?.getUserMedia;
camera.addEventListener("click", async () => {
  if (!video.hidden) return takePicture();
  clear();
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    await video.play();
    video.hidden = false;
    arrange();
  } catch {
    stopCamera();
    say("there is no camera that the browser lets this page use");
  }
});
video.addEventListener("click", (event) => event.preventDefault()); // it does not open the choice of files

function takePicture() {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((blob) => take(new File([blob], "camera.jpg", { type: blob.type })), "image/jpeg", 0.95);
}

function stopCamera() {
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
  video.srcObject = null;
  video.hidden = true;
}

// The result. Listeners are on #result, because its content is replaced.

const classes = new WeakMap(); // image element of class indices -> its pixels

result.addEventListener("input", (event) => {
  if (event.target.matches(".opacity input")) at(".colors", result).style.opacity = event.target.value / 100;
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
  const stage = at(".stage", result);
  if (!stage) return;
  const label = at(".pixel", stage), pixels = pixelsOf(at(".indices", stage));
  label.hidden = !stage.contains(event.target) || !pixels;
  if (label.hidden) return;
  const box = stage.getBoundingClientRect();
  const across = (event.clientX - box.left) / box.width, down = (event.clientY - box.top) / box.height;
  const index = (share, length) => Math.min(length - 1, Math.max(0, Math.floor(share * length)));
  const place = 4 * (index(down, pixels.height) * pixels.width + index(across, pixels.width));
  const names = JSON.parse(stage.dataset.names);
  // Up to 255 classes are grey levels; more are in red and green.
  const number = pixels.data[place] + (names.length > 255 ? 256 * pixels.data[place + 1] : 0);
  label.textContent = names[number] ?? "";
  label.title = `column ${index(across, stage.dataset.width)}, row ${index(down, stage.dataset.height)}`;
  // Above the pointer or finger, and inside the picture.
  label.style.left = `${Math.max(0, Math.min(across * box.width, box.width - label.offsetWidth))}px`;
  label.style.top = `${Math.max(0, down * box.height - label.offsetHeight - 14)}px`;
}
document.addEventListener("pointermove", nameClass);
document.addEventListener("pointerdown", nameClass);

result.addEventListener("click", (event) => {
  const button = event.target.closest(".downloads button");
  if (!button) return;
  const { suffix, type, base64, text } = button.dataset;
  const content = base64 === undefined ? text : Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = photograph.name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}._-]+/gu, "_").slice(0, 80) + suffix;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
});
