// The report: one policy at a time, and what two do differently.
const report = JSON.parse(at("report").textContent);

function show(chosen) {
  const { figures, hit_rates, rules, hours, thresholds } = report.policies[chosen];
  const net = figures.baseline_usd - figures.cost_usd;
  const tiles = [
    ["spent", usd(figures.cost_usd), "spent"],
    ["baseline", usd(figures.baseline_usd), "baseline"],
    ["saved", usd(net), "saved, " + percent(net, figures.baseline_usd)],
    ["requests", whole(report.requests), "requests"],
    ["exact", percent(hit_rates.exact, 1), "exact hits"],
    ["semantic", percent(hit_rates.semantic, 1), "semantic hits"],
    ["each", usd(figures.cost_usd / Math.max(report.requests, 1)), "per request, " + usd(figures.baseline_usd / Math.max(report.requests, 1)) + " before"],
  ];
  at("tiles").replaceChildren(...tiles.map(([id, value, name]) => make("div", { class: "tile " + id }, make("b", { id: "tile-" + id }, value), make("span", {}, name))));
  const past = { grain: "hour", periods: hours };
  plot("plot-money", past, [["spent", "cost", (p) => p.cost_usd]], ["baseline", "baseline", (p) => p.baseline_usd], usd);
  plot("plot-requests", past, [["hits", "hits", (p) => p.hits], ["others", "rest", (p) => p.requests - p.hits]], null, (n) => whole(Math.round(n)));
  bars("causes", Object.entries(figures.saved_usd_by_cause), usd);
  const against = [["cost", "cost_usd", usd], ["baseline", "baseline_usd", usd], ["requests", "requests", whole]];
  table("tiers", [["tier", "tier"], ...against], figures.tiers);
  table("models", [["model", "model"], ["cost", "cost_usd", usd], ["requests", "requests", whole], ["input", "input_tokens", whole], ["output", "output_tokens", whole]], figures.models);
  table("teams", [["team", "team"], ...against], figures.teams);
  table("rules", [["rule", "rule"], ...against, ["rejected", "rejected", whole]], rules.map((row) => ({ ...row, rule: row.rule || "(none)" })));
  table("thresholds", [["score", "score", (n) => n.toFixed(2)], ["to the strongest", "strong_share", (n) => percent(n, 1)], ["cost", "cost_usd", usd]], thresholds);
  for (const button of at("policies").children) button.setAttribute("aria-pressed", String(Number(button.dataset.at) === chosen));
}

report.policies.forEach(({ policy }, i) => {
  const button = make("button", { "data-at": i }, policy);
  button.addEventListener("click", () => show(i));
  at("policies").append(button);
});
if (report.changes) {
  at("compared").hidden = false;
  table("changes", [["from", "from"], ["to", "to"], ["requests", "requests", whole], ["costs more", "more_usd", usd]], report.changes);
  const examples = report.changes.flatMap(({ from, to, examples }) => examples.map((example) => ({ from, to, ...example })));
  table("examples", [["from", "from"], ["to", "to"], ["id", "id"], ["message", "excerpt"]], examples);
}
show(0);
