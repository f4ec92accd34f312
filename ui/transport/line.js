// The call of this tab on every page: where it is not drawn in full, a small pill tells of it.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const call = (window.parlorCall ??= createCall());
  const root = frame(parentElement, "line");
  call.follows(data.language);
  let timer = root.timer ?? 0;
  const draw = () => {
    const shown = call.live() && !data.here;
    if (shown && !timer) timer = root.timer = setInterval(draw, 1000);
    if (!shown && timer) [timer, root.timer] = [clearInterval(timer), 0];
    document.documentElement.toggleAttribute("data-on-call", shown);  // style.css makes room for the pill
    pill(root, call, data, shown, () => setTriggerValue("ask", "open"));
  };
  call.views.line = draw;
  draw();
  dispatchEvent(new Event("parlor-call"));  // the page of the call may have been there first
}

function pill(root, call, { words }, shown, open) {
  const drawn = shown && `${call.doing()} ${call.muted} ${call.sound.blocked}`;
  if (!shown) root.replaceChildren();
  else if (root.dataset.drawn !== drawn) {
    const mute = words[call.muted ? "call_unmute" : "call_mute"];
    root.replaceChildren(element("div", { class: "pill", role: "group", "aria-label": words.call_on, "data-phase": call.doing() },
      element("button", { type: "button", class: "back", title: words.call_back, onclick: open },
        element("span", { class: "dot", "aria-hidden": "true" }),
        element("span", { class: "what" }, words[call.sound.blocked ? "call_blocked" : `call_${call.doing()}`]),
        element("span", { class: "clock" })),
      iconButton(call.muted ? "muted" : "voice", mute, () => call.mute(!call.muted), { class: call.muted ? "icon on" : "icon" }),
      iconButton("hang", words.call_hang, () => call.hangUp(), { class: "icon hang" })));
  }
  root.dataset.drawn = drawn;
  const clock = root.querySelector(".clock");
  if (clock) clock.textContent = call.began ? duration(Date.now() - call.began) : "";
}
