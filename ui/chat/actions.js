// The quiet row under a message: copy, listen, again, edit, thumbs, versions, how it was made.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = frame(parentElement, "row " + data.role);
  const ask = (what, value) => setTriggerValue("ask", { what, value: value ?? null });
  const { words, versions } = data;
  const open = root.querySelector(".panel") !== null;
  root.replaceChildren();
  const bar = element("div", { class: "bar", role: "group" });
  root.append(bar);

  if (versions.of > 1) {
    const go = (step) => ask("version", versions.ids[versions.at + step]);
    bar.append(
      element("span", { class: "versions" },
        iconButton("previous", words.previous, () => go(-1), { disabled: versions.at === 0 || !data.idle }),
        element("span", { class: "count" }, `${versions.at + 1}/${versions.of}`),
        iconButton("next", words.next, () => go(1), { disabled: versions.at === versions.of - 1 || !data.idle }),
      ),
    );
  }
  if (data.text) bar.append(copyButton(data.text, words));
  if (data.listen) bar.append(iconButton("listen", words[data.listen], () => ask("listen"), {
    class: data.listening ? "icon on" : "icon", disabled: data.listen === "read_aloud" && !data.idle }));
  if (data.role === "user" && data.idle) bar.append(iconButton("edit", words.edit, () => ask("edit")));
  if (data.role === "assistant") {
    bar.append(iconButton("again", words.again, () => ask("again"), { disabled: !data.idle }));
    if (data.painted) bar.append(
      iconButton("variations", words.variations, () => ask("variations"), { disabled: !data.idle }),
      iconButton("edit", words.repaint, () => ask("prompt"), { disabled: !data.idle }),
    );
    for (const [name, value] of [["good", 1], ["bad", 0]]) {
      const on = data.feedback === value;
      bar.append(iconButton(name, words[name], () => ask("feedback", on ? null : value), { class: on ? "icon on" : "icon", "aria-pressed": String(on) }));
    }
  }
  if (data.details.length) {
    const toggle = iconButton("details", words.details, () => {
      const shown = root.querySelector(".panel");
      if (shown) shown.remove();
      else root.append(panel(data.details));
      toggle.setAttribute("aria-expanded", String(!shown));
    }, { "aria-expanded": String(open) });
    bar.append(toggle);
    if (open) root.append(panel(data.details));
  }
}

function copyButton(text, words) {
  const button = iconButton("copy", words.copy, async () => {
    await copy(text);
    button.replaceChildren(icon("check"));
    button.title = words.copied;
    setTimeout(() => { button.replaceChildren(icon("copy")); button.title = words.copy; }, 1500);
  });
  return button;
}

async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = element("textarea", { style: "position:fixed;opacity:0" });  // plain http on a network has no Clipboard API
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

function panel(details) {
  const list = element("dl", { class: "panel" });
  for (const [label, value] of details) list.append(element("dt", {}, label), element("dd", {}, value));
  return list;
}
