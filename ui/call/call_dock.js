// The controls of a call: the big button, mute, camera, pictures, options, hanging up, the key to talk, and typed words.
function createDock(call, words, page, show, options) {
  const round = (name, label, onclick, kind = "") => element("button", { type: "button", class: `round ${kind}`, title: label, "aria-label": label, onclick }, icon(name));
  const mute = round("voice", words.call_mute, () => call.mute(!call.muted));
  const camera = round("camera", words.call_camera, () => show.look());
  const picture = round("picture", words.call_show_file, () => show.pick());
  const sliders = round("sliders", words.call_options, () => { options.dataset.open = String(options.dataset.open !== "true"); draw(); });
  const hang = round("hang", words.call_hang, () => call.hangUp(), "hang");
  const buttons = element("div", { class: "buttons" }, mute, camera, picture, sliders, hang);
  const start = element("button", { type: "button", onclick: () => (call.sound.blocked ? call.unblock() : page.begin()) }, icon("phone"), element("span"));
  const open = element("button", { type: "button", class: "start", onclick: () => page.ask("open", call.conversation) }, words.call_open);
  const begin = element("div", { class: "begin" }, open, start);
  const hold = element("button", { type: "button", class: "hold" }, element("span", {}, words.call_hold), element("kbd", {}, words.call_space));
  const box = element("input", { type: "text", placeholder: words.call_type, "aria-label": words.call_type, maxlength: "2000", autocomplete: "off" });
  const type = element("form", { class: "type" }, box, element("button", { class: "round small", title: words.send, "aria-label": words.send }, icon("send")));

  type.onsubmit = (event) => {
    event.preventDefault();
    if (box.value.trim() && call.say(box.value.trim())) box.value = "";
  };
  hold.onpointerdown = (event) => { hold.setPointerCapture(event.pointerId); call.push(true); };
  hold.onpointerup = hold.onpointercancel = () => call.push(false);
  hold.oncontextmenu = (event) => event.preventDefault();

  const writes = (event) => event.composedPath()[0].matches?.("input:not([type=range], [type=checkbox]), textarea, select, [contenteditable=true]");
  const free = () => hold.isConnected && call.live() && call.chosen.push;
  const on = {
    keydown(event) {
      if (event.code !== "Space" || !free() || writes(event)) return;
      event.preventDefault();
      if (!event.repeat) call.push(true);
    },
    keyup(event) {
      if (event.code !== "Space" || !call.down) return;
      event.preventDefault();
      call.push(false);
    },
    blur: () => call.push(false),
  };
  for (const [name, act] of Object.entries(on)) addEventListener(name, act, true);

  function draw() {
    const [live, over] = [call.live(), call.phase === "ended"];
    const blocked = live && call.sound.blocked;
    const lost = live && !call.carries && call.phase === "held";
    begin.hidden = live && !blocked && !lost;
    put(start.querySelector("span"), words[blocked ? "call_unblock" : lost ? "call_go_on" : over ? "call_again" : "call_start"]);
    start.className = over && call.conversation ? "quiet" : "start";
    start.disabled = !live && page.insecure();
    open.hidden = !over || !call.conversation;
    buttons.hidden = !live;
    type.hidden = !live;
    hold.hidden = !live || !call.chosen.push;
    hold.classList.toggle("down", call.down);
    options.hidden = live && options.dataset.open !== "true";
    sliders.setAttribute("aria-expanded", String(!options.hidden));
    mute.setAttribute("aria-pressed", String(call.muted));
    if (mute.dataset.on !== String(call.muted)) {
      mute.dataset.on = String(call.muted);
      mute.replaceChildren(icon(call.muted ? "muted" : "voice"));
      mute.title = words[call.muted ? "call_unmute" : "call_mute"];
      mute.setAttribute("aria-label", mute.title);
    }
  }
  const leave = () => { for (const [name, act] of Object.entries(on)) removeEventListener(name, act, true); };
  return { begin, buttons, hold, type, draw, leave };
}
