// The console's page: asks the API beside it every few seconds and shows what it says. No figure is made here but sums,
// shares and differences of those of the API.
"use strict";

const REFRESH_MS = 3000;
const PLOTS = { hour: ["minute", 60], today: ["hour", 24], month: ["day", 31] };
const state = { range: "today", token: "" };

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
