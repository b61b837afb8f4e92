// What the console and the report of `arbiter simulate` are made of: figures in words, bars, tables, plots.
"use strict";

const at = (id) => document.getElementById(id);
// How each table is sorted, and its rows as they came.
const tables = { sort: {}, rows: {} };

// Text only ever becomes text: what callers have sent stands in some of it.
function make(name, attributes = {}, ...children) {
  const svg = ["svg", "rect", "line", "polyline", "text", "title", "g"].includes(name);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children.map((child) => (typeof child === "object" ? child : String(child))));
  return node;
}

const usd = (amount) => {
  const digits = Math.abs(amount) >= 100 || amount === 0 ? 2 : Math.abs(amount) >= 0.01 ? 4 : 7;
  return (amount < 0 ? "-$" : "$") + Math.abs(amount).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: digits });
};
const whole = (number) => number.toLocaleString("en-US");
const percent = (part, all) => (all > 0 ? ((100 * part) / all).toFixed(1) + " %" : "-");
const sum = (numbers) => Object.values(numbers).reduce((all, number) => all + number, 0);
const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

function bars(id, entries, show) {
  const most = Math.max(...entries.map(([, value]) => value), 0);
  const cells = entries.flatMap(([name, value]) => [
    make("span", {}, name),
    make("meter", { min: 0, max: most || 1, value }),
    make("span", { id: id + "-" + name.replaceAll(" ", "-") }, show(value)),
  ]);
  at(id).replaceChildren(...(cells.length ? cells : [make("span", { class: "none" }, "nothing yet")]));
}

// Columns: [title, key, how a value is shown]; a column with a way to show it holds numbers.
function table(id, columns, rows, extra) {
  tables.rows[id] = { columns, rows };
  const [key, down] = tables.sort[id] ?? [null, true];
  const sorted = key === null ? rows : [...rows].sort((a, b) => (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : 0) * (down ? -1 : 1));
  const heads = columns.map(([title, name, show]) => {
    const order = name === key ? (down ? "descending" : "ascending") : "none";
    const head = make("th", { class: show ? "n" : "", "aria-sort": order, scope: "col" }, title);
    head.addEventListener("click", () => {
      tables.sort[id] = [name, name === key ? !down : Boolean(show)];
      table(id, columns, rows, extra);
    });
    return head;
  });
  const lines = sorted.map((row) => {
    const cells = columns.map(([, name, show]) => make("td", { class: show ? "n" : "" }, show ? show(row[name] ?? 0) : (row[name] ?? "")));
    return make("tr", {}, ...cells, ...(extra ? [make("td", {}, extra(row))] : []));
  });
  const csv = make("button", { class: "csv", type: "button" }, "CSV");
  csv.addEventListener("click", () => save(id));
  const body = rows.length ? [csv, make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...lines))] : [make("span", { class: "none" }, "nothing yet")];
  at(id).replaceChildren(...body);
}

function save(id) {
  const { columns, rows } = tables.rows[id];
  // A field that begins like a formula would be one in a spreadsheet.
  const field = (value) => {
    const text = String(value ?? "");
    return '"' + (/^[=+@\t\r-]/.test(text) && Number.isNaN(Number(text)) ? "'" + text : text).replaceAll('"', '""') + '"';
  };
  const lines = [columns.map(([title]) => field(title)), ...rows.map((row) => columns.map(([, key]) => field(row[key])))];
  const blob = new Blob([lines.map((line) => line.join(",")).join("\r\n") + "\r\n"], { type: "text/csv" });
  const link = make("a", { download: "arbiter-" + id + ".csv", href: URL.createObjectURL(blob) });
  link.click();
  URL.revokeObjectURL(link.href);
}

const label = (start, grain) => {
  const date = new Date(start * 1000);
  return grain === "day" ? date.toLocaleDateString("en-GB", { day: "numeric", month: "short" }) : date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
};

// Bars of parts, one on top of the other, and a line, over periods.
function plot(id, { periods, grain }, parts, line, show) {
  const [width, height, left, bottom] = [at(id).clientWidth || 600, 170, 64, 20];
  const stacked = periods.map((period) => parts.map(([, , value]) => value(period)));
  const tops = periods.map((period, i) => Math.max(sum(stacked[i]), line ? line[2](period) : 0));
  const most = Math.max(...tops, 0) || 1;
  const step = (width - left) / Math.max(periods.length, 1);
  const y = (value) => (height - bottom) * (1 - value / most) + 4;
  const drawn = [0, 0.5, 1].flatMap((share) => [
    make("line", { class: "grid", x1: left, x2: width, y1: y(most * share), y2: y(most * share) }),
    make("text", { x: left - 6, y: y(most * share) + 4, "text-anchor": "end" }, show(most * share)),
  ]);
  periods.forEach((period, i) => {
    let below = 0;
    stacked[i].forEach((value, part) => {
      if (value <= 0) return;
      const [x, top] = [left + i * step + step * 0.1, y(below + value)];
      const said = label(period.start, grain) + ": " + parts[part][0] + " " + show(value);
      drawn.push(make("rect", { class: parts[part][1], x, y: top, width: step * 0.8, height: Math.max(y(below) - top, 0.5) }, make("title", {}, said)));
      below += value;
    });
    if (i % Math.ceil(periods.length / (width / 90)) === 0) drawn.push(make("text", { x: left + (i + 0.5) * step, y: height, "text-anchor": "middle" }, label(period.start, grain)));
  });
  if (line) drawn.push(make("polyline", { class: line[1], points: periods.map((p, i) => left + (i + 0.5) * step + "," + y(line[2](p))).join(" ") }));
  const svg = make("svg", { viewBox: `0 0 ${width} ${height + 6}`, role: "img", "aria-label": id }, ...drawn);
  const key = [...parts, ...(line ? [line] : [])].map(([name, kind]) => make("span", {}, make("i", { class: kind }), name));
  at(id).replaceChildren(svg, make("div", { class: "key" }, ...key));
}
