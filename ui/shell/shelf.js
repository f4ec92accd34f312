// The list of conversations: open, rename in place, export, delete with undo; or what a search has found.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = frame(parentElement, "shelf");
  const { words } = data;
  const ask = (what, id, title) => setTriggerValue("ask", { what, id: id ?? null, title: title ?? null });
  if (root.querySelector("input") && root.dataset.editing) return;  // do not take the pen out of somebody's hand
  root.replaceChildren();

  if (data.hits) {
    for (const hit of data.hits) root.append(found(hit, data.current, ask));
    if (!data.hits.length) root.append(element("p", { class: "none" }, words.no_hits));
  } else {
    let group = "";
    for (const row of data.rows) {
      const name = groupOf(row.updated, words);
      if (name !== group) root.append(element("h2", {}, (group = name)));
      root.append(entry(row, data.current, words, ask, root));
    }
    if (!data.rows.length) root.append(element("p", { class: "none" }, words.no_conversations));
    if (data.more) root.append(element("button", { type: "button", class: "wide", onclick: () => ask("more") }, words.show_more));
  }
  if (data.deleted) root.append(undo(data.deleted, words, ask));
}

function groupOf(seconds, words) {
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  const days = Math.ceil((midnight.getTime() / 1000 - seconds) / 86400);
  return days <= 0 ? words.today : days <= 1 ? words.yesterday : days <= 7 ? words.week : words.earlier;
}

function link(id, current, ask, ...children) {
  return element("a", {
    href: "/?c=" + encodeURIComponent(id),
    class: id === current ? "open current" : "open",
    "aria-current": id === current ? "page" : undefined,
    onclick: (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      const root = event.currentTarget.getRootNode();
      root.querySelectorAll(".current").forEach((other) => other.classList.remove("current"));
      event.currentTarget.classList.add("current");
      ask("open", id);
    },
  }, ...children);
}

function entry(row, current, words, ask, root) {
  const line = element("div", { class: "entry" });
  const title = row.title || words.untitled;
  const more = iconButton("more", words.menu, (event) => { event.stopPropagation(); openMenu(line, root, { rename, title, row, words, ask }); }, { class: "icon more", "aria-haspopup": "menu" });
  function rename() {
    const box = element("input", { class: "rename", maxlength: 120, "aria-label": words.rename });
    box.value = title;
    root.dataset.editing = "1";
    let done = false;
    const end = (keep) => {
      if (done) return;
      done = true;
      delete root.dataset.editing;
      const wanted = box.value.trim();
      if (keep && wanted && wanted !== title) { line.querySelector(".open").textContent = wanted; ask("rename", row.id, wanted); }
      box.remove();
      line.classList.remove("renaming");
    };
    box.onkeydown = (event) => { event.stopPropagation(); if (event.key === "Enter") end(true); if (event.key === "Escape") end(false); };
    box.onblur = () => end(true);
    line.classList.add("renaming");
    line.append(box);
    box.select();
  }
  line.append(link(row.id, current, ask, title), more);
  line.ondblclick = rename;
  return line;
}

function openMenu(line, root, { rename, row, words, ask }) {
  const shown = root.querySelector(".menu");
  if (shown) shown.close();
  if (shown && shown.parentElement === line) return;
  const menu = element("div", { class: "menu", role: "menu" });
  const outside = (event) => { if (!event.composedPath().includes(menu)) menu.close(); };
  const key = (event) => { if (event.key === "Escape") { menu.close(); line.querySelector(".more").focus(); } };
  menu.close = () => { menu.remove(); document.removeEventListener("click", outside); document.removeEventListener("keydown", key, true); };
  const item = (label, act, kind) => element("button", { type: "button", role: "menuitem", class: kind, onclick: () => { menu.close(); act(); } }, label);
  menu.append(
    item(words.rename, rename, "item"),
    item(words.export, () => ask("export", row.id), "item"),
    item(words.delete, () => ask("delete", row.id), "item danger"),
  );
  line.append(menu);
  const room = window.innerHeight - line.getBoundingClientRect().bottom;
  if (room < 140) menu.classList.add("above");
  menu.querySelector("button").focus();
  setTimeout(() => document.addEventListener("click", outside));
  document.addEventListener("keydown", key, true);
}

function found(hit, current, ask) {
  const excerpt = element("span", { class: "excerpt" });
  for (const piece of hit.excerpt.replace(/[*`#|]+/g, "").split("\u0002")) {  // every found word stands between U+0002 and U+0003
    const [inside, ...rest] = piece.split("\u0003");
    if (rest.length) excerpt.append(element("mark", {}, inside), rest.join(""));
    else excerpt.append(inside);
  }
  return link(hit.id, current, (what, id) => ask("open", id, String(hit.node)), element("span", { class: "title" }, hit.title), excerpt);
}

function undo(deleted, words, ask) {
  const bar = element("div", { class: "undo", role: "status" },
    element("span", {}, deleted.said),
    element("button", { type: "button", onclick: () => ask("restore", deleted.id) }, words.undo));
  const left = Math.max(0, 12000 - (Date.now() - deleted.at * 1000));
  setTimeout(() => bar.remove(), left);
  return left ? bar : null;
}
