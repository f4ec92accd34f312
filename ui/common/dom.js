// What every component shares: icons (24 x 24 strokes) and building elements from text, never from HTML.
const ICONS = {
  copy: "M9 9h10v11H9zM5 15V4h10",
  check: "M5 12.5l4.500 4.500L19 7.500",
  listen: "M4 10v4h3.500L12 18V6l-4.500 4zM15.500 9.200a4 4 0 0 1 0 5.600M18 6.500a8 8 0 0 1 0 11",
  again: "M19.500 12a7.500 7.500 0 1 1-2.300-5.400M19.500 3.500v4.300h-4.300",
  good: "M7 10.500l4-7c1.500 0 2.300 1 2 2.500l-.700 3.500h5.200c1.300 0 2.100 1.100 1.800 2.300l-1.600 6.200c-.200.900-1 1.500-1.900 1.500H7M7 10.500H4v9h3z",
  bad: "M17 13.500l-4 7c-1.500 0-2.300-1-2-2.500l.700-3.500H6.500c-1.300 0-2.100-1.100-1.800-2.300l1.600-6.200c.200-.900 1-1.500 1.900-1.500H17M17 13.500h3v-9h-3z",
  details: "M12 11v5.500M12 7.500v.1M12 20.500a8.500 8.500 0 1 0 0-17 8.500 8.500 0 0 0 0 17z",
  edit: "M4.500 19.500l1-4L16 5l3 3L8.500 18.500zM13.500 7.500l3 3",
  previous: "M14.500 6l-6 6 6 6",
  next: "M9.500 6l6 6-6 6",
  stop: "M7 7h10v10H7z",
  play: "M8 5.500v13l10.500-6.500z",
  more: "M6 12h.1M12 12h.1M18 12h.1",
  bulb: "M9.500 18h5M10 21h4M12 3a6 6 0 0 0-3.600 10.800c.700.600 1.100 1.300 1.100 2.200h5c0-.900.400-1.600 1.100-2.200A6 6 0 0 0 12 3z",
  code: "M8.500 7.500L4 12l4.500 4.500M15.500 7.500L20 12l-4.500 4.500M13.500 5l-3 14",
  voice: "M12 15a3 3 0 0 0 3-3V6a3 3 0 0 0-6 0v6a3 3 0 0 0 3 3zM6 11.500a6 6 0 0 0 12 0M12 17.500V21",
  variations: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 2.500-2.500L20 17M15.500 9.200v.1",
};

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") made.onclick = value;
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function iconButton(name, label, onclick, attributes = {}) {
  return element("button", { type: "button", class: "icon", title: label, "aria-label": label, onclick, ...attributes }, icon(name));
}

// A component's function runs again with every change of its data; the same element is filled anew.
function frame(parent, className) {
  let root = [...parent.children].find((child) => child.className === className);
  if (!root) parent.append((root = element("div", { class: className })));
  return root;
}
