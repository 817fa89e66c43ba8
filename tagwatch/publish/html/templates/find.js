// Finds, filters and sorts the groups of a list. All of it can be read without this.
(() => {
  const tools = document.querySelector(".tools");
  const list = document.querySelector("[data-list]");
  if (!tools || !list) return;
  const [find, kind, sort, said] = ["find", "kind", "sort", "found"].map((id) => document.getElementById(id));
  const groups = [...list.querySelectorAll("[data-group]")].map((box, place) => ({
    box, place, open: box.open, worst: Number(box.dataset.worst), many: Number(box.dataset.many),
    name: box.querySelector("summary").textContent.toLowerCase(),
    items: [...box.querySelectorAll("[data-item]")].map((item) => ({
      item, kind: item.dataset.item, text: item.textContent.toLowerCase(),
    })),
  }));
  const orders = {
    "": (a, b) => a.place - b.place,
    name: (a, b) => a.name.localeCompare(b.name) || a.place - b.place,
    worst: (a, b) => b.worst - a.worst || b.many - a.many || a.place - b.place,
    most: (a, b) => b.many - a.many || a.place - b.place,
  };
  const fields = { q: find, kind, sort };
  const read = () => {
    const text = location.hash.slice(1);
    if (!text.includes("=")) {
      const group = groups.find(({ box }) => box.id && box.id === text);
      if (group) { group.open = group.box.open = true; group.box.scrollIntoView(); }
      return;
    }
    const asked = new URLSearchParams(text);
    for (const [name, field] of Object.entries(fields)) {
      field.value = asked.get(name) || "";
      if (field.selectedIndex < 0) field.value = "";
    }
  };
  const write = () => {
    const asked = new URLSearchParams();
    for (const [name, field] of Object.entries(fields)) if (field.value) asked.set(name, field.value);
    const text = asked.toString();
    if (text || location.hash.includes("=")) history.replaceState(null, "", `#${text}`);
    document.querySelectorAll("a[data-page]").forEach((link) => { link.hash = text; });
  };
  let order = "";
  const show = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const active = words.length > 0 || kind.value !== "";
    let shown = 0, total = 0;
    for (const group of groups) {
      let here = 0;
      for (const { item, kind: own, text } of group.items) {
        const fits = (!kind.value || own === kind.value)
          && words.every((word) => text.includes(word) || group.name.includes(word));
        item.hidden = !fits;
        here += fits;
      }
      total += group.items.length;
      shown += here;
      group.box.hidden = active && here === 0;
      group.box.open = active ? here > 0 : group.open;
    }
    if (sort.value !== order) {
      order = sort.value;
      list.append(...[...groups].sort(orders[order]).map((group) => group.box));
    }
    const where = document.querySelector("a[data-page]") ? " on this page, others have more" : "";
    said.textContent = active ? `${shown} of ${total}${where}` : "";
  };
  const changed = () => { show(); write(); };
  for (const field of Object.values(fields)) field.addEventListener("input", changed);
  addEventListener("hashchange", () => { read(); show(); });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = document.activeElement;
    if (event.key === "/" && !["INPUT", "SELECT", "TEXTAREA"].includes(at.tagName)) {
      event.preventDefault();
      find.focus();
      find.select();
    } else if (event.key === "Escape" && tools.contains(at)) {
      for (const field of Object.values(fields)) field.value = "";
      changed();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const links = [...list.querySelectorAll("[data-item] a, summary")].filter((link) => link.checkVisibility());
      const next = at === find ? (event.key === "ArrowDown" ? 0 : -1)
        : links.includes(at) ? links.indexOf(at) + (event.key === "ArrowDown" ? 1 : -1) : -2;
      if (next === -2) return;
      event.preventDefault();
      (links[next] || find).focus();
    }
  });
  tools.hidden = false;
  read();
  show();
  write();
})();
