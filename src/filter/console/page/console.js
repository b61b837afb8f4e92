// The console's page: asks the API beside it every few seconds and shows what it says. No figure is made here but sums,
// shares and differences of those of the API.
"use strict";

const REFRESH_MS = 3000;
const PLOTS = { hour: ["minute", 60], today: ["hour", 24], month: ["day", 31] };
const state = { range: "today", token: "", sort: {}, rows: {} };
const at = (id) => document.getElementById(id);

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

async function ask(path, body) {
  const headers = state.token ? { authorization: "Bearer " + state.token } : {};
  const options = body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers };
  const response = await fetch("api/" + path, { cache: "no-store", ...options });
  const answer = await response.json();
  if (response.status === 401) at("ask").hidden = false;
  if (!response.ok) throw new Error(answer.error.message);
  return answer;
}

function tiles(figures) {
  const { cost_usd, baseline_usd, requests, cache } = figures;
  const net = baseline_usd - cost_usd;
  const sought = (cache.hit ?? 0) + (cache.miss ?? 0) + (cache.collapsed ?? 0);
  const hits = requests.hit ?? 0;
  const shown = [
    ["spent", usd(cost_usd), "spent"],
    ["baseline", usd(baseline_usd), "baseline"],
    ["saved", usd(net), "saved, " + percent(net, baseline_usd)],
    ["requests", whole(sum(requests)), "requests"],
    ["hits", percent(hits, sought), whole(hits) + " hits of " + whole(sought)],
    ["failed", whole((requests.failed ?? 0) + (requests.cut ?? 0)), "failed or cut"],
    ["failovers", whole(figures.failovers), "failovers"],
  ];
  at("tiles").replaceChildren(
    ...shown.map(([id, value, name]) => make("div", { class: "tile " + id }, make("b", { id: "tile-" + id }, value), make("span", {}, name))),
  );
}

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
  state.rows[id] = { columns, rows };
  const [key, down] = state.sort[id] ?? [null, true];
  const sorted = key === null ? rows : [...rows].sort((a, b) => (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : 0) * (down ? -1 : 1));
  const heads = columns.map(([title, name, show]) => {
    const order = name === key ? (down ? "descending" : "ascending") : "none";
    const head = make("th", { class: show ? "n" : "", "aria-sort": order, scope: "col" }, title);
    head.addEventListener("click", () => {
      state.sort[id] = [name, name === key ? !down : Boolean(show)];
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
  const { columns, rows } = state.rows[id];
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

function ranged(figures) {
  tiles(figures);
  bars("causes", Object.entries(figures.saved_usd_by_cause), usd);
  const { hit = 0, collapsed = 0, miss = 0, bypass = 0 } = figures.cache;
  const semantic = figures.semantic.hit ?? 0;
  bars("caches", [["exact hits", hit], ["semantic hits", semantic], ["collapsed", collapsed], ["misses", miss - semantic], ["bypassed", bypass]], whole);
  const { audited = 0, agreed = 0, disagreed = 0, tightened = 0, reported = 0, shadow_hit = 0 } = figures.semantic;
  bars("audit", Object.entries({ "shadow hits": shadow_hit, audited, agreed, disagreed, reported, tightened }), whole);
  bars("would", [["requests", figures.would.requests], ["would cost", figures.would.cost_usd], ["would save", figures.would.saved_usd]], (n) => (Number.isInteger(n) ? whole(n) : usd(n)));
  const times = [["p50", "p50", (n) => n.toFixed(1)], ["p95", "p95", (n) => n.toFixed(1)], ["p99", "p99", (n) => n.toFixed(1)], ["calls", "count", whole]];
  const latency = figures.latency_ms.map((row) => ({ what: row.outcome + ", ms", ...row }));
  table("latency", [["", "what"], ...times], [...latency, { what: "in the filter, \u00b5s", ...figures.filter_time_us }]);
  const money = [["cost", "cost_usd", usd], ["requests", "requests", whole]];
  const tokens = [["input", "input_tokens", whole], ["cached", "cached_input_tokens", whole], ["output", "output_tokens", whole]];
  table("models", [["model", "model"], ...money, ...tokens], figures.models);
  const against = [["cost", "cost_usd", usd], ["baseline", "baseline_usd", usd], ["saved", "saved_usd", usd], ["requests", "requests", whole]];
  table("tiers", [["tier", "tier"], ...against], figures.tiers);
  table("teams", [["team", "team"], ...against], figures.teams);
  const reasons = (failed) => Object.entries(failed).map(([reason, count]) => reason + ": " + whole(count)).join(", ");
  const providers = figures.providers.map((row) => ({ ...row, share: row.answered / row.attempts, why: reasons(row.failed) }));
  const share = (part) => percent(part, 1);
  table("providers", [["provider", "provider"], ["attempts", "attempts", whole], ["answered", "share", share], ["failed", "why"]], providers);
  table("rules", [["rule", "rule"], ["applied", "applied", whole], ["denied", "denied", whole], ["shadow", "shadow", whole]], figures.rules);
}

function decisions(all) {
  const rows = all.map((call) => ({
    ...call,
    at: clock(call.time),
    why: [call.reason, call.rule, call.budget && call.budget + " " + call.budget_stage, call.would && "would: " + call.would.outcome].filter(Boolean).join(", "),
    usd: (call.cost_nanousd ?? 0) / 1e9,
    saved: (call.saved_nanousd ?? 0) / 1e9,
  }));
  const columns = [["time", "at"], ["team", "team"], ["outcome", "outcome"], ["why", "why"], ["tier", "tier"], ["model", "model"], ["asked for", "requested_model"], ["complexity", "complexity"], ["cache", "cache"], ["cost", "usd", usd], ["saved", "saved", usd]];
  const wrong = (call) => {
    if (call.cache !== "semantic_hit" || !state.acts) return "";
    const button = make("button", { type: "button" }, "wrong");
    button.addEventListener("click", () => act("cache/report", { key: call.cache_key }));
    return button;
  };
  table("decisions", columns, rows, wrong);
}

function budgets(all) {
  const amount = (unit, value) => (unit === "usd" ? usd(value) : whole(value));
  const rows = all.flatMap((budget) =>
    budget.accounts.map((account) => ({
      budget: budget.name,
      holder: account.holder || "all",
      used: (account.spent + account.reserved) / account.limit,
      remaining: amount(budget.unit, Math.max(account.limit - account.spent - account.reserved, 0)),
      limit: amount(budget.unit, account.limit),
      stage: account.stage,
      resets: Math.ceil(account.resets_in / 60),
    })),
  );
  table("budgets", [["budget", "budget"], ["holder", "holder"], ["used", "used", (part) => percent(part, 1)], ["remaining", "remaining"], ["of", "limit"], ["stage", "stage"], ["resets in, min", "resets", whole]], rows);
}

async function refresh() {
  try {
    const [grain, count] = PLOTS[state.range];
    const [overview, history, last, books] = await Promise.all([ask("overview"), ask(`history?grain=${grain}&count=${count}`), ask("decisions"), ask("budgets")]);
    at("ask").hidden = true;
    at("mode").textContent = overview.mode;
    state.acts = overview.actions;
    at("actions").hidden = !overview.actions;
    ranged(overview[state.range]);
    plot("plot-money", history, [["spent", "cost", (p) => p.cost_usd]], ["baseline", "baseline", (p) => p.baseline_usd], usd);
    const rest = (p) => p.requests - p.hits - p.failed;
    plot("plot-requests", history, [["hits", "hits", (p) => p.hits], ["others", "rest", rest], ["failed", "failed", (p) => p.failed]], null, (n) => whole(Math.round(n)));
    decisions(last.decisions);
    budgets(books.budgets);
    at("status").className = "";
    at("status").textContent = clock(overview.now);
    document.body.dataset.at = overview.now;
  } catch (error) {
    at("status").className = "bad";
    at("status").textContent = error.message;
  }
}

async function act(path, body) {
  if (!state.token) {
    state.token = prompt("Token") ?? "";
  }
  try {
    at("done").textContent = JSON.stringify(await ask(path, body));
  } catch (error) {
    state.token = "";
    at("done").textContent = error.message;
  }
}

function choose(range) {
  state.range = range;
  for (const button of at("ranges").children) button.setAttribute("aria-pressed", String(button.dataset.range === range));
  refresh();
}

at("ranges").addEventListener("click", (event) => event.target.dataset.range && choose(event.target.dataset.range));
at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  state.token = at("token").value;
  refresh().then(inForce);
});
at("invalidate").addEventListener("submit", (event) => {
  event.preventDefault();
  const [scope, age] = [at("scope").value, at("age").value];
  act("cache/invalidate", { [scope]: scope === "everything" ? true : at("named").value, ...(age && { older_than: age }) });
});
const inForce = () => ask("policy").then((policy) => (at("policy").textContent = JSON.stringify(policy, null, 2))).catch(() => {});
choose("today");
inForce();
setInterval(() => document.hidden || refresh(), REFRESH_MS);
