// Showing something in a call: a frame of the camera, a file, something dropped or pasted.
const LARGEST = 4000;  // pixels a side of what is sent; core/media/images.py keeps no more than 12.6 megapixels

function createShow(call, words, page) {
  const waiting = element("div", { class: "waiting", role: "group", "aria-label": words.call_waiting, hidden: true });
  const file = element("input", { type: "file", accept: "image/*", multiple: true, hidden: true, "aria-label": words.call_show_file });
  const camera = element("div", { class: "camera", role: "dialog", "aria-label": words.call_camera, hidden: true });
  const over = element("div", { class: "over", hidden: true }, element("p", {}, words.call_drop));
  const show = { waiting, file, camera, over };
  let stream = null;

  file.onchange = () => { send(file.files); file.value = ""; };
  show.pick = () => file.click();

  async function send(files) {
    for (const each of files) {
      try {
        await call.show(await fitted(each));
      } catch {
        page.say(words.call_no_picture.replace("{name}", each.name ?? ""));
      }
    }
  }

  // What the browser cannot open is not sent, and a photograph of a telephone is made smaller here already.
  async function fitted(blob) {
    const picture = await createImageBitmap(blob);
    const scale = Math.min(1, LARGEST / Math.max(picture.width, picture.height));
    if (scale === 1 && ["image/png", "image/jpeg", "image/webp"].includes(blob.type)) return blob;
    return drawn(picture, picture.width * scale, picture.height * scale, blob.type === "image/jpeg");
  }

  function drawn(source, width, height, photograph) {
    const canvas = new OffscreenCanvas(Math.round(width), Math.round(height));
    canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
    return canvas.convertToBlob(photograph ? { type: "image/jpeg", quality: 0.92 } : { type: "image/png" });
  }

  show.look = async () => {
    if (stream) return close();
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, height: { ideal: 720 } } });
    } catch (error) {
      const why = { NotAllowedError: "call_camera_denied", NotFoundError: "call_camera_none" }[error.name] ?? "call_camera_taken";
      return page.say(words[why]);
    }
    const video = element("video", { autoplay: true, playsinline: true, muted: true });
    video.muted = true;
    video.srcObject = stream;
    const take = element("button", { type: "button", class: "solid", onclick: async () => {
      await call.show(await drawn(video, video.videoWidth, video.videoHeight, true));
      camera.animate?.([{ opacity: 0.4 }, { opacity: 1 }], 250);
    } }, words.call_camera_take);
    camera.replaceChildren(video, element("div", { class: "ways" }, take, element("button", { type: "button", class: "quiet", onclick: close }, words.call_camera_close)));
    camera.hidden = false;
  };

  function close() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    camera.replaceChildren();
    camera.hidden = true;
  }

  show.draw = () => {
    if (!call.live() && stream) close();
    const urls = call.waiting;
    waiting.hidden = urls.length === 0;
    if (waiting.dataset.drawn === urls.join(" ")) return;
    waiting.dataset.drawn = urls.join(" ");
    waiting.replaceChildren(element("span", {}, words.call_waiting), ...urls.map((url) =>
      url ? element("img", { src: url, alt: words.call_shown }) : element("span", { class: "blank" }, icon("picture"))));
  };

  // Events of the whole window while the page of the call is there and a call is live.
  const here = () => waiting.isConnected && call.live();
  const images = (transfer) => [...(transfer?.files ?? [])].filter(({ type }) => type.startsWith("image/"));
  const on = {
    paste(event) {
      const found = here() ? images(event.clipboardData) : [];
      if (found.length) { event.preventDefault(); send(found); }
    },
    dragover(event) {
      if (!here() || ![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      over.hidden = false;
    },
    dragleave: (event) => { if (!event.relatedTarget) over.hidden = true; },
    drop(event) {
      over.hidden = true;
      if (!here()) return;
      event.preventDefault();
      send(images(event.dataTransfer));
    },
  };
  for (const [name, act] of Object.entries(on)) addEventListener(name, act, true);
  show.leave = () => { for (const [name, act] of Object.entries(on)) removeEventListener(name, act, true); close(); };
  return show;
}
