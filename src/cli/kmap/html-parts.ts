/** Style of the report's page: light and dark, printable. */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --ground: #f5f7fa; --paper: #fff; --ink: #17202c; --soft: #5b6878; --line: #dfe5ec; --accent: #1f5fbf;
  --good: #14713f; --good-ground: #def3e6; --fair: #7d5a00; --fair-ground: #fbf0cf; --bad: #a8231a; --bad-ground: #fde3df;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #10151c; --paper: #18202a; --ink: #e4e9f0; --soft: #97a5b6; --line: #2b3644; --accent: #7fb0ff;
    --good: #6fd79b; --good-ground: #143524; --fair: #ecc75a; --fair-ground: #3a2f10; --bad: #ff9d92; --bad-ground: #45201c;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
header, main { max-width: 1240px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 32px; }
h1 { font-size: 24px; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 0; }
header p { margin: 4px 0 0; color: var(--soft); overflow-wrap: anywhere; }
code { font: 0.92em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
small { color: var(--soft); }
section { margin: 24px 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(132px, 1fr)); gap: 12px; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px; }
.card b { display: block; font-size: 24px; line-height: 1.25; font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); }
.card.bad { background: var(--bad-ground); border-color: transparent; }
.card.bad b, .card.bad span { color: var(--bad); }
.card.good b { color: var(--good); }
.warnings { background: var(--fair-ground); border-radius: 8px; padding: 14px 18px; }
.warnings h2 { color: var(--fair); }
.warnings ul { margin: 6px 0 0; padding-left: 20px; list-style: disc; }
.head { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; justify-content: space-between; margin-bottom: 8px; }
.count { color: var(--soft); font-weight: 400; margin-left: 4px; }
input[type=search] { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: 6px; padding: 5px 10px; width: 260px; max-width: 100%; }
.scroll { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: 8px 14px; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
tbody tr:last-child td { border-bottom: 0; }
tbody tr:hover { background: color-mix(in srgb, var(--accent) 6%, transparent); }
th { font-size: 13px; white-space: nowrap; }
th button { all: unset; cursor: pointer; color: var(--soft); font-weight: 600; }
th button:hover, th button:focus-visible { color: var(--accent); text-decoration: underline; }
th[aria-sort] button { color: var(--ink); }
th[aria-sort=ascending] button::after { content: " \\2191"; }
th[aria-sort=descending] button::after { content: " \\2193"; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.none { color: var(--soft); }
td { min-width: 96px; }
td.number { min-width: 0; }
td:first-child:not(.number) { overflow-wrap: anywhere; min-width: 140px; max-width: 420px; }
td:has(ul) { min-width: 240px; }
td ul { margin: 0; padding: 0; list-style: none; }
summary { cursor: pointer; }
.badge { display: inline-block; border-radius: 10px; padding: 0 9px; font-size: 13px; white-space: nowrap; }
.badge.good { color: var(--good); background: var(--good-ground); }
.badge.fair { color: var(--fair); background: var(--fair-ground); }
.badge.bad { color: var(--bad); background: var(--bad-ground); }
@media (max-width: 600px) { header, main { padding-left: 12px; padding-right: 12px; } th, td { padding: 6px 8px; } }
@media print { body { background: none; } input { display: none; } .scroll { overflow: visible; } }
`

/** Sorting by a click on a title, filtering while typing. Without scripts the page shows all of it. */
export const pageScript = `
for (const section of document.querySelectorAll('section')) {
  const body = section.querySelector('tbody')
  if (!body) continue
  const heads = [...section.querySelectorAll('th')]
  heads.forEach((head, column) => head.addEventListener('click', () => {
    const numeric = head.classList.contains('number')
    const before = head.getAttribute('aria-sort')
    const down = before === null ? numeric : before === 'ascending'
    for (const other of heads) other.removeAttribute('aria-sort')
    head.setAttribute('aria-sort', down ? 'descending' : 'ascending')
    const value = (row) => {
      const cell = row.cells[column]
      return numeric ? Number(cell.dataset.sort ?? cell.textContent) : cell.textContent.trim()
    }
    const rows = [...body.rows].map((row) => [value(row), row])
    const order = numeric ? (a, b) => a[0] - b[0] : (a, b) => a[0].localeCompare(b[0], undefined, { numeric: true })
    rows.sort((a, b) => (down ? order(b, a) : order(a, b)))
    body.append(...rows.map(([, row]) => row))
  }))
  const filter = section.querySelector('input')
  const count = section.querySelector('.count')
  filter?.addEventListener('input', () => {
    const words = filter.value.toLowerCase().split(/\\s+/).filter(Boolean)
    let shown = 0
    for (const row of body.rows) {
      const text = row.textContent.toLowerCase()
      row.hidden = !words.every((word) => text.includes(word))
      if (!row.hidden) shown++
    }
    count.textContent = words.length ? shown + ' of ' + body.rows.length : body.rows.length
  })
}
`
