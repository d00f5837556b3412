/* The dashboard: draws what stands in #data. Amounts are exact decimal texts and stay such: they are rounded and added here with whole
   numbers (BigInt); floating point is for the length of bars and for percentages of counts. Names are text, never markup. */
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const TOP = 10, GAUGES = 6, LABEL = 34;
  /* Each at least 3:1 against the light and the dark card (WCAG 1.4.11). */
  const COLORS = ["#0f8a80", "#c8702c", "#4d6fc4", "#bd5079", "#6f8f2e", "#8f69c2", "#a98416", "#3a8fb3"];
  const OTHER = "#808d96";
  const byId = (id) => document.getElementById(id);

  /* ---- decimals as text ---- */

  const parse = (text) => {
    const found = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
    if (!found) return null;
    const part = found[3] || "";
    const units = BigInt(found[2] + part);
    return { units: found[1] ? -units : units, scale: part.length };
  };
  const power = (digits) => 10n ** BigInt(digits);
  const add = (a, b) => {
    const scale = Math.max(a.scale, b.scale);
    return { units: a.units * power(scale - a.scale) + b.units * power(scale - b.scale), scale };
  };
  const ZERO = { units: 0n, scale: 0 };
  const round = (value, scale) => {
    if (value.scale <= scale) return { units: value.units * power(scale - value.scale), scale };
    const step = power(value.scale - scale);
    const whole = value.units < 0n ? -value.units : value.units;
    const units = (whole + step / 2n) / step;
    return { units: value.units < 0n ? -units : units, scale };
  };
  const write = (value, grouped) => {
    const digits = (value.units < 0n ? -value.units : value.units).toString().padStart(value.scale + 1, "0");
    const whole = digits.slice(0, digits.length - value.scale);
    const part = value.scale ? "." + digits.slice(digits.length - value.scale) : "";
    return (value.units < 0n ? "−" : "") + (grouped ? whole.replace(/\B(?=(\d{3})+$)/g, ",") : whole) + part;
  };
  /* A decimal text for people, at most `scale` digits after the point; what would read as zero and is not says so. */
  const people = (text, scale) => {
    const value = text === null || text === undefined ? null : parse(text);
    if (!value) return text === null || text === undefined ? "" : String(text);
    const rounded = round(value, Math.min(scale, value.scale));
    if (rounded.units === 0n && value.units !== 0n && scale > 0) return "<" + write({ units: 1n, scale }, true);
    return write(rounded, true);
  };
  /* The same with as many digits in each cell, so that a column lines up. */
  const fixed = (text, scale) => {
    const value = text === null ? null : parse(text);
    if (!value) return "";
    const rounded = round(value, scale);
    if (rounded.units === 0n && value.units !== 0n) return "<" + write({ units: 1n, scale }, true);
    return write(rounded, true);
  };
  const exact = (value) => write(value, false).replace("−", "-");
  const total = (texts) => texts.reduce((sum, text) => add(sum, parse(text) || ZERO), ZERO);
  const percent = (part, whole) => (Number(whole) > 0 ? (100 * Number(part)) / Number(whole) : 0);
  const percentText = (part, whole) => (Number(whole) > 0 ? percent(part, whole).toFixed(2) + " %" : "–");

  /* ---- text of others ---- */

  const harmless = (text) => String(text).replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, "\ufffd");
  const brief = (text) => {
    const letters = Array.from(harmless(text));
    return letters.length > LABEL ? letters.slice(0, LABEL - 1).join("") + "…" : letters.join("");
  };
  /* For a canvas: what runs from right to left does not turn around what stands beside it. */
  const isolated = (text) => "\u2068" + brief(text) + "\u2069";
  const make = (name, options = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(options)) {
      if (value === undefined || value === null) continue;
      if (key === "text") element.textContent = value;
      else if (key === "class") element.className = value;
      else element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
  };
  const named = (text) => make("bdi", { text: harmless(text) });

  /* ---- rows ---- */

  const objects = (table) => table.rows.map((row) => Object.fromEntries(table.columns.map((name, i) => [name, row[i]])));
  const functions = objects(data.functions);
  const costDays = objects(data.cost_days);
  const manyTenants = data.tenant === null && new Set(functions.map((row) => row.tenant)).size > 1;
  const currencies = data.money.map((entry) => entry.currency);
  for (const row of functions) if (row.currency && !currencies.includes(row.currency)) currencies.push(row.currency);
  const label = (row) => (manyTenants ? row.tenant + " · " + row.function : row.function);
  const days = Array.from({ length: data.days_in_month }, (_, i) => data.month + "-" + String(i + 1).padStart(2, "0"));
  const dayNames = days.map((day) => String(Number(day.slice(8))));

  /* ---- head, notices, tiles ---- */

  const monthName = new Date(data.month + "-01T00:00:00Z").toLocaleDateString("en", { month: "long", year: "numeric", timeZone: "UTC" });
  document.title = "millibill · " + (data.tenant === null ? "" : harmless(data.tenant) + " · ") + monthName;
  byId("title").textContent = monthName;
  byId("subtitle").append(...(data.tenant === null
    ? [Number(data.usage.tenants) === 1 ? "1 tenant" : people(data.usage.tenants, 0) + " tenants"]
    : ["Tenant ", named(data.tenant)]), ", " + people(data.usage.functions, 0) + (Number(data.usage.functions) === 1 ? " function" : " functions"));
  byId("foot").textContent = "Made " + data.made_at.slice(0, 16).replace("T", " ") + " UTC by millibill " + data.version +
    ". Days and hours are UTC. Costs are each function’s exact share of the lines of the invoices in force; what no usage caused (fees, contracts, taxes, rounding) stands on the invoice alone.";

  const count = (n, one, many) => people(n, 0) + " " + (Number(n) === 1 ? one : many);
  const notice = (...parts) => byId("notices").append(make("p", { class: "notice" }, ...parts));
  if (Number(data.usage.invocations) === 0) notice("No usage in this month.");
  if (Number(data.unpriced.invocations) > 0)
    notice("Without a price yet: ", count(data.unpriced.invocations, "invocation", "invocations") + " of ",
      Number(data.unpriced.tenants) === 1 ? named(data.unpriced.first) : people(data.unpriced.tenants, 0) + " tenants",
      ". No invoice or preview covers them: millibill rate --month " + data.month + " --preview");
  if (Number(data.late.invocations) !== 0 || Number(data.late.tenants) > 0)
    notice("Changed since the final invoices: " + people(data.late.invocations, 0) + " invocations of " + count(data.late.tenants, "tenant", "tenants") +
      ". The next rating bills or credits the difference.");
  const waiting = total(data.quarantine.map((row) => row.records)), lost = total(data.losses.map((row) => row.records));
  const reasons = (rows) => rows.map((row) => people(row.records, 0) + " " + row.reason.replace(/_/g, " ")).join(", ");
  if (waiting.units > 0n) notice("In quarantine, not billed: " + reasons(data.quarantine) + ". See millibill quarantine list");
  if (lost.units > 0n) notice("Records reported lost on their way in: " + reasons(data.losses));
  for (const name of data.notes) notice("Left out, because it could not answer: millibill " + name);

  const tile = (figure, name, value, unit, more) => byId("tiles").append(make("div", { class: "tile", "data-figure": figure },
    make("span", { class: "quiet", text: name }), make("b", {}, value, unit ? make("small", { text: " " + unit }) : ""),
    make("p", { class: "quiet", text: more })));
  for (const entry of data.money) {
    const state = Number(entry.final) === Number(entry.documents) ? "final" : Number(entry.final) === 0 ? "preview" : people(entry.final, 0) + " final, others preview";
    const credited = Number(entry.credited) !== 0 ? ", credit notes " + people(entry.credited, 9) : "";
    tile("total-" + entry.currency, "Invoices", people(entry.total, 9), entry.currency, count(entry.documents, "invoice", "invoices") + ", " + state + credited);
  }
  if (data.money.length === 0) tile("total", "Invoices", "–", "", "no invoice or preview yet");
  tile("invocations", "Invocations", people(data.usage.invocations, 0), "", people(data.usage.gb_seconds, 0) + " GB-seconds");
  const failed = exact(total([data.usage.errors, data.usage.timeouts]));
  tile("errors", "Errors and timeouts", percentText(failed, data.usage.invocations), "", count(data.usage.errors, "error", "errors") + ", " + count(data.usage.timeouts, "timeout", "timeouts"));
  const coldMs = Number(data.usage.initializations) > 0 ? ", " + Math.round(Number(data.usage.init_us) / Number(data.usage.initializations) / 1000) + " ms on average" : "";
  tile("cold", "Cold starts", percentText(data.usage.initializations, data.usage.invocations), "", count(data.usage.initializations, "cold start", "cold starts") + coldMs);

  /* ---- charts ---- */

  const charts = {};
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const figures = (id, head, rows) => byId(id).replaceChildren(make("table", {},
    make("thead", {}, make("tr", {}, ...head.map((text, i) => make("th", { class: i ? "number" : "", scope: "col" }, named(text))))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((text, i) => make("td", { class: i ? "number" : "" }, named(text))))))));
  const draw = (id, config, summary) => {
    const canvas = byId(id + "-chart");
    canvas.setAttribute("aria-label", summary);
    if (charts[id]) charts[id].destroy();
    charts[id] = new Chart(canvas, config);
  };
  const axes = (x, y) => {
    const grid = { color: color("line"), borderColor: color("line") };
    const ticks = { color: color("quiet"), font: { size: 12 } };
    return { x: { grid: { ...grid, display: false }, ticks, ...x }, y: { grid, ticks, beginAtZero: true, ...y } };
  };
  const titled = (text) => ({ display: true, text, color: color("quiet"), font: { size: 12 } });
  const byDay = () => ({ title: titled("Day of " + monthName + ", UTC"), ticks: { color: color("quiet"), font: { size: 12 }, maxRotation: 0 } });
  const setDefaults = () => {
    Object.assign(Chart.defaults, { animation: false, responsive: true, maintainAspectRatio: false, color: color("ink") });
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    Object.assign(Chart.defaults.plugins.legend.labels, { boxWidth: 12, boxHeight: 12, color: color("ink") });
    Object.assign(Chart.defaults.plugins.tooltip, { backgroundColor: color("ink"), titleColor: color("card"), bodyColor: color("card"), padding: 10 });
  };

  /* Series of one currency: the dearest functions, then all others together. */
  const seriesOf = (currency) => {
    const series = new Map();
    for (const row of costDays.filter((entry) => entry.currency === currency)) {
      const key = row.place === null ? "" : row.place;
      if (!series.has(key)) series.set(key, { name: key ? label(row) : people(row.functions, 0) + (Number(row.functions) === 1 ? " other" : " others"), other: !key, days: new Map() });
      series.get(key).days.set(row.day, row.cost);
    }
    return [...series.values()];
  };
  const drawCost = () => {
    const currency = byId("currency").value;
    const series = seriesOf(currency);
    const money = data.money.find((entry) => entry.currency === currency);
    byId("cost-note").textContent = money
      ? "Usage caused " + people(money.usage_cost, 6) + " " + currency + (parse(money.other).units === 0n ? ""
        : "; the invoices come to " + people(money.total, 9) + ": fees, contracts, taxes and rounding make the difference of " + people(money.other, 6))
      : "";
    byId("cost").hidden = series.length === 0;
    if (series.length === 0) return;
    draw("cost", {
      type: "bar",
      data: { labels: dayNames, datasets: series.map((one, i) => ({ label: isolated(one.name), data: days.map((day) => Number(one.days.get(day) || 0)),
        texts: days.map((day) => one.days.get(day) || "0"), backgroundColor: one.other ? OTHER : COLORS[i % COLORS.length], stack: "cost", maxBarThickness: 34 })) },
      options: {
        scales: axes({ ...byDay(), stacked: true }, { stacked: true, title: titled(currency + " a day") }),
        plugins: { legend: { position: "bottom" }, tooltip: { mode: "index", filter: (item) => item.raw !== 0, callbacks: {
          title: (items) => (items.length ? days[items[0].dataIndex] : ""),
          label: (item) => item.dataset.label + ": " + people(item.dataset.texts[item.dataIndex], 6) + " " + currency } } },
      },
    }, "Cost by day in " + currency + ", stacked by function. " + series.map((one) => harmless(one.name) + ": " + people(exact(total([...one.days.values()])), 6)).join("; "));
    figures("cost-figures", ["Day", ...series.map((one) => one.name), "Total"], days.map((day) => {
      const cells = series.map((one) => one.days.get(day) || "0");
      return [day, ...cells.map((text) => people(text, 9)), people(exact(total(cells)), 9)];
    }));
  };

  /* The table's rows of a function added up, whatever their region or size. */
  const METRICS = [["cost", "cost"], ["gb_seconds", "GB-seconds"], ["invocations", "invocations"], ["errors", "errors"], ["initializations", "cold starts"]];
  const topOf = (metric, currency) => {
    const sums = new Map();
    for (const row of functions) {
      if (row[metric] === null || (metric === "cost" && row.currency !== currency)) continue;
      const key = JSON.stringify([row.tenant, row.function]);
      const known = sums.get(key) || { name: label(row), sum: ZERO };
      known.sum = add(known.sum, parse(row[metric]) || ZERO);
      sums.set(key, known);
    }
    const value = (entry) => Number(exact(entry.sum));
    return [...sums.values()].filter((entry) => entry.sum.units > 0n).sort((a, b) => value(b) - value(a)).slice(0, TOP)
      .map((entry) => ({ name: entry.name, text: exact(entry.sum), value: value(entry) }));
  };
  const drawTop = () => {
    const metric = byId("top-by").value, currency = byId("currency").value;
    const unit = metric === "cost" ? currency : METRICS.find((entry) => entry[0] === metric)[1];
    const rows = topOf(metric, currency);
    draw("top", {
      type: "bar",
      data: { labels: rows.map((row) => isolated(row.name)), datasets: [{ data: rows.map((row) => row.value), texts: rows.map((row) => row.text),
        backgroundColor: COLORS[0], maxBarThickness: 20 }] },
      options: { indexAxis: "y", scales: { x: { ...axes().y, title: titled(unit + " in " + monthName) }, y: { ...axes().x, ticks: { ...axes().x.ticks, autoSkip: false } } },
        plugins: { legend: { display: false }, tooltip: { callbacks: { label: (item) => people(item.dataset.texts[item.dataIndex], 6) + " " + unit } } } },
    }, rows.length ? "Top functions by " + unit + ". " + rows.map((row) => harmless(row.name) + ": " + people(row.text, 6)).join("; ") : "No function to show");
    figures("top-figures", ["Function", unit], rows.map((row) => [row.name, people(row.text, 9)]));
  };

  /* No error, timeout or cold start at all: the tiles say so, and the other chart gets the room. */
  const isHealthy = [data.usage.errors, data.usage.timeouts, data.usage.initializations].every((text) => Number(text) === 0);
  const drawHealth = () => {
    if (isHealthy) return;
    const dayOf = new Map(data.days.map((row) => [row.day, row]));
    const lines = [["errors", "Errors", color("bad")], ["timeouts", "Timeouts", COLORS[1]], ["initializations", "Cold starts", COLORS[2]]];
    const valueOf = (day, key) => (dayOf.has(day) ? percent(dayOf.get(day)[key], dayOf.get(day).invocations) : null);
    draw("health", {
      type: "line",
      data: { labels: dayNames, datasets: lines.map(([key, name, line]) => ({ label: name, data: days.map((day) => valueOf(day, key)), borderColor: line,
        backgroundColor: line, borderWidth: 2, pointRadius: 2.5, tension: 0, spanGaps: false })) },
      options: { interaction: { mode: "index", intersect: false }, scales: axes(byDay(), { ticks: { ...axes().y.ticks, maxTicksLimit: 7, callback: (value) => value + " %" } }),
        plugins: { legend: { position: "bottom" }, tooltip: { callbacks: { title: (items) => (items.length ? days[items[0].dataIndex] : ""),
          label: (item) => item.dataset.label + ": " + item.parsed.y.toFixed(2) + " %" } } } },
    }, "Errors, timeouts and cold starts by day, in percent of invocations. All month: errors " + percentText(data.usage.errors, data.usage.invocations) +
      ", timeouts " + percentText(data.usage.timeouts, data.usage.invocations) + ", cold starts " + percentText(data.usage.initializations, data.usage.invocations));
    figures("health-figures", ["Day", "Invocations", "Errors", "Timeouts", "Cold starts"], data.days.map((row) => [row.day, people(row.invocations, 0),
      people(row.errors, 0), people(row.timeouts, 0), people(row.initializations, 0)]));
  };

  /* ---- free tier ---- */

  const OUTLOOKS = { ran_out: "ran out on ", runs_out: "runs out on ", lasts: "lasts the month", unused: "not used" };
  const gauge = (tier) => {
    const share = Math.min(100, Number(tier.used_percent || 0));
    const bar = make("i", { class: share >= 100 ? "full" : "" });
    bar.style.width = share + "%";
    const own = data.tenant !== null && tier.tenant_count > 1 && tier.tenants.length === 1 ? ", " + people(tier.tenants[0].used, 3) + " of it by this tenant" : "";
    const shared = data.tenant === null && tier.tenant_count > 1 ? ", shared by " + tier.tenant_count + " tenants" : "";
    const unit = tier.unit === "request" || tier.unit === "GB-second" ? tier.unit + "s" : tier.unit;
    const text = people(tier.used, 3) + " of " + people(tier.allowance, 3) + " " + unit;
    const least = tier.used_percent === "0.0" && parse(tier.used).units > 0n ? "<0.1" : tier.used_percent;
    return make("div", { class: "gauge", role: "meter", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": share, "aria-label": harmless(tier.account + ", " + tier.name), "aria-valuetext": text },
      make("div", { class: "line" }, make("span", {}, named(tier.account), " " + tier.name), make("span", { text: (tier.used_percent === null ? "–" : least + " %") })),
      make("div", { class: "track" }, bar),
      make("p", { class: "quiet", text: text + own + shared + " · " + OUTLOOKS[tier.outlook] + (tier.day && /out$/.test(tier.outlook) ? tier.day : "") }));
  };
  const drawGauges = (all) => {
    const tiers = data.free_tiers.filter((tier) => all || tier.outlook !== "unused").sort((a, b) => Number(b.used_percent) - Number(a.used_percent));
    const shown = all ? tiers : tiers.slice(0, GAUGES);
    byId("gauges").replaceChildren(...(shown.length ? shown.map(gauge) : [make("p", { class: "empty", text: "No usage takes from a free tier." })]));
    byId("gauges-all").hidden = all || shown.length === data.free_tiers.length;
    byId("gauges-all").textContent = "Show all " + data.free_tiers.length;
  };

  /* ---- savings ---- */

  const comparison = (one) => {
    const savings = data.savings, currency = savings.currency;
    const greatest = Math.max(Number(savings.serverless.total), Number(one.total)) || 1;
    const bar = (name, text, other) => {
      const fill = make("i", { class: other ? "other" : "" });
      fill.style.width = (100 * Number(text)) / greatest + "%";
      return make("div", { class: "bar" }, named(name), make("div", { class: "track" }, fill), make("span", { text: people(text, 9) + " " + currency }));
    };
    const serverless = one.cheaper === "serverless";
    const ratio = one.saving_percent === null ? "" : " (" + people(one.saving_percent.replace("-", ""), 1) + " %)";
    const facts = [["Utilization", one.utilization_percent, 2, "%"], ["Idle", one.idle_hours, 2, "hours"], ["Idle, in money", one.idle_amount, 9, currency],
      ["Break-even", one.break_even_requests_per_second, 3, "requests a second"], ["Too small in", one.hours_too_small === undefined ? null : String(one.hours_too_small), 0, Number(one.hours_too_small) === 1 ? "hour" : "hours"]];
    return make("div", { class: "comparison", "data-alternative": one.name },
      make("p", { class: "verdict " + one.cheaper, text: "Serverless " + (serverless ? "saves " : "costs more by ") + people(one.saving.replace("-", ""), 9) + " " + currency + ratio }),
      bar("serverless", savings.serverless.total, false), bar(one.name, one.total, true),
      make("dl", {}, ...facts.filter((fact) => fact[1] !== null && fact[1] !== undefined).flatMap(([name, text, scale, unit]) => [make("dt", { text: name }), make("dd", { text: people(text, scale) + " " + unit })])));
  };
  const drawSavings = () => {
    byId("savings").hidden = data.savings === null;
    if (data.savings === null) return;
    const verdicts = data.savings.verdicts;
    byId("comparisons").replaceChildren(...data.savings.alternatives.map(comparison),
      ...(data.savings.concurrency.peak === null ? [] : [make("p", { class: "quiet", text: "At most " + people(String(data.savings.concurrency.peak), 0) + " ran at a time." })]),
      ...(verdicts.length === 0 ? [] : [make("details", { open: verdicts.length <= 6 ? "" : null }, make("summary", { text: "Verdict for each function" }),
        make("ul", { class: "verdicts" }, ...verdicts.map((one) => make("li", {}, named(one.function), ": " + one.verdict + ". " + harmless(one.reasons.join("; "))))),
        ...(data.savings.verdict_count > verdicts.length ? [make("p", { class: "quiet", text: "The first " + verdicts.length + " of " + data.savings.verdict_count + "; millibill savings prints all." })] : []))]));
  };

  /* ---- the table ---- */

  const ms = (text) => (text === null ? "" : people(exact({ units: BigInt(text), scale: 3 }), 1));
  const COLUMNS = [
    { key: "tenant", name: "Tenant", text: true, hidden: !manyTenants }, { key: "function", name: "Function", text: true },
    { key: "cost", name: "Cost", show: (v) => fixed(v, 6), sum: true, money: true }, { key: "currency", name: "Currency", text: true, hidden: currencies.length < 2 },
    { key: "invocations", name: "Invocations", show: (v) => people(v, 0), sum: true }, { key: "errors", name: "Errors", show: (v) => people(v, 0), sum: true },
    { key: "timeouts", name: "Timeouts", show: (v) => people(v, 0), sum: true }, { key: "initializations", name: "Cold starts", show: (v) => people(v, 0), sum: true },
    { key: "mean_duration_us", name: "Mean ms", show: ms }, { key: "max_duration_us", name: "Max ms", show: ms },
    { key: "gb_seconds", name: "GB-seconds", show: (v) => fixed(v, 1), sum: true }, { key: "memory_mb", name: "MB", show: (v) => people(v, 0) },
    { key: "max_memory_used_mb", name: "Used MB", show: (v) => (v === "0" ? "" : people(v, 0)) },
    { key: "region", name: "Region", text: true }, { key: "architecture", name: "Arch", text: true },
    { key: "mode", name: "Mode", text: true, hidden: functions.every((row) => row.mode === "on_demand") },
  ];
  const shownColumns = COLUMNS.filter((column) => !column.hidden);
  const state = { sort: "cost", ascending: false, page: 0, rows: 25, filter: "" };
  const searched = functions.map((row) => [row.tenant, row.function, row.region, row.architecture, row.mode, row.memory_mb].join("\n").toLocaleLowerCase());
  const order = new Intl.Collator("en", { numeric: true });
  const chosen = () => {
    const words = state.filter.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const column = COLUMNS.find((entry) => entry.key === state.sort);
    const key = (row) => (row[column.key] === null ? -Infinity : Number(row[column.key]));
    const compare = column.text ? (a, b) => order.compare(a[column.key] || "", b[column.key] || "") : (a, b) => key(a) - key(b) || 0;
    const rows = functions.filter((_, i) => words.every((word) => searched[i].includes(word)));
    return rows.sort((a, b) => (state.ascending ? compare(a, b) : compare(b, a)));
  };
  /* Sums of a column over rows; of money only where all have one currency. */
  const sumOf = (column, rows) => {
    const used = new Set(rows.map((row) => row.currency).filter(Boolean));
    if (!column.sum || (column.money && used.size !== 1)) return "";
    return column.show(exact(total(rows.map((row) => row[column.key]).filter((text) => text !== null))));
  };
  const drawHead = () => {
    const heads = shownColumns.map((column) => {
      const button = make("button", { type: "button", text: column.name + (column.money && currencies.length === 1 ? " " + currencies[0] : "") });
      button.addEventListener("click", () => {
        state.ascending = state.sort === column.key ? !state.ascending : Boolean(column.text);
        state.sort = column.key;
        state.page = 0;
        drawTable();
        byId("table").querySelector(`th[data-key="${column.key}"] button`).focus();
      });
      const sorted = state.sort === column.key ? (state.ascending ? "ascending" : "descending") : null;
      return make("th", { scope: "col", class: column.text ? "" : "number", "data-key": column.key, "aria-sort": sorted }, button);
    });
    byId("table").tHead.replaceChildren(make("tr", {}, ...heads));
  };
  const cell = (column, row) => {
    const text = row[column.key];
    if (column.text) {
      const isName = column.key === "function" || column.key === "tenant";
      return make("td", { class: isName ? "name" : "", title: isName && text.length > LABEL ? harmless(text) : null }, named(text || ""));
    }
    return make("td", { class: "number", text: text === null ? "" : column.show(text), title: column.money && text !== null ? text : null });
  };
  const drawTable = (all) => {
    const rows = chosen();
    const pages = Math.max(1, Math.ceil(rows.length / state.rows));
    state.page = Math.min(state.page, pages - 1);
    const shown = all ? rows.slice(0, 200) : rows.slice(state.page * state.rows, (state.page + 1) * state.rows);
    drawHead();
    byId("table").tBodies[0].replaceChildren(...shown.map((row) => make("tr", {}, ...shownColumns.map((column) => cell(column, row)))));
    byId("table").tFoot.replaceChildren(make("tr", {}, ...shownColumns.map((column, i) =>
      make("td", { class: column.text ? "" : "number", text: i === 0 ? "Sum" : sumOf(column, rows), "data-sum": column.key }))));
    byId("count").textContent = rows.length === functions.length ? count(String(rows.length), "row", "rows") : people(String(rows.length), 0) + " of " + count(String(functions.length), "row", "rows");
    byId("page").textContent = "Page " + (state.page + 1) + " of " + people(String(pages), 0);
    byId("before").disabled = state.page === 0;
    byId("after").disabled = state.page >= pages - 1;
  };
  /* RFC 4180; a text that a spreadsheet would take for a formula gets a leading '. */
  const csvCell = (text, isText) => {
    const value = text === null ? "" : isText && /^[=+\-@\t\r\n]|^\s*[=+\-@]/.test(text) ? "'" + text : text;
    return /[",\r\n]/.test(value) ? '"' + value.replace(/"/g, '""') + '"' : value;
  };
  const csv = () => [COLUMNS.map((column) => column.key).join(","),
    ...chosen().map((row) => COLUMNS.map((column) => csvCell(row[column.key], column.text)).join(","))].join("\r\n") + "\r\n";
  const download = () => {
    const link = make("a", { href: URL.createObjectURL(new Blob(["\ufeff" + csv()], { type: "text/csv;charset=utf-8" })), download: "millibill-" + data.month + ".csv" });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  /* ---- theme, print, start ---- */

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const setTheme = (name) => {
    document.documentElement.dataset.theme = name;
    byId("theme").textContent = name === "dark" ? "Light" : "Dark";
    setDefaults();
    drawCost();
    drawTop();
    drawHealth();
  };
  let ownTheme = null;
  const theme = () => ownTheme || (dark.matches ? "dark" : "light");
  byId("theme").addEventListener("click", () => { ownTheme = theme() === "dark" ? "light" : "dark"; setTheme(ownTheme); });
  dark.addEventListener("change", () => setTheme(theme()));
  byId("print").addEventListener("click", () => window.print());
  /* On paper a chart is a picture of a size of its own, which the style sheet fits to the page: the window's size says nothing of it. */
  const PRINTED = { cost: [860, 290], top: isHealthy ? [860, 250] : [430, 250], health: [430, 250] };
  window.addEventListener("beforeprint", () => {
    setTheme("light");
    drawTable(true);
    for (const [id, chart] of Object.entries(charts)) {
      chart.options.responsive = false;
      chart.resize(...PRINTED[id]);
    }
  });
  window.addEventListener("afterprint", () => {
    setTheme(theme());
    drawTable();
  });

  const usable = METRICS.filter(([key]) => key !== "cost" || functions.some((row) => row.cost !== null && parse(row.cost).units > 0n));
  byId("currency").append(...currencies.map((currency) => make("option", { text: currency })));
  byId("currency-label").hidden = currencies.length < 2;
  byId("currency").addEventListener("change", () => { drawCost(); drawTop(); });
  byId("top-by").append(...usable.map(([key, name]) => make("option", { value: key, text: name })));
  byId("top-by").addEventListener("change", drawTop);
  byId("gauges-all").addEventListener("click", () => drawGauges(true));
  byId("filter").addEventListener("input", (event) => { state.filter = event.target.value; state.page = 0; drawTable(); });
  byId("rows").addEventListener("change", (event) => { state.rows = Number(event.target.value); state.page = 0; drawTable(); });
  byId("before").addEventListener("click", () => { state.page--; drawTable(); });
  byId("after").addEventListener("click", () => { state.page++; drawTable(); });
  byId("csv").addEventListener("click", download);

  byId("main").hidden = false;
  const quiet = Number(data.usage.invocations) === 0;
  for (const id of ["top", "functions"]) byId(id).hidden = quiet;
  byId("health").hidden = isHealthy;
  byId("top").classList.toggle("wide", isHealthy);
  byId("free").classList.toggle("wide", data.savings === null);
  drawGauges(false);
  drawSavings();
  setTheme(theme());
  drawTable();
  window.millibill = { data, charts, csv };
})();
