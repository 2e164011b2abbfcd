import { createHash } from 'node:crypto';

/** Every pair of text and background has a contrast of at least 4.5 : 1, in both colour schemes. */
export const STYLE = `
:root { color-scheme: light dark; --text: #1c1d21; --muted: #5b5d66; --back: #fbfbfc; --card: #fff; --line: #e0e1e6; --focus: #1f5fd0;
  --ok: #0b6b32; --ok-back: #e5f4ea; --bad: #b0231a; --bad-back: #fcebe9; --unsure: #875000; --unsure-back: #fdf1dc }
@media (prefers-color-scheme: dark) { :root { --text: #ececf1; --muted: #a3a5b0; --back: #111214; --card: #1a1b1f; --line: #303238; --focus: #8ab4ff;
  --ok: #74dd9a; --ok-back: #11301d; --bad: #ff9d94; --bad-back: #3a1714; --unsure: #ffc773; --unsure-back: #37260b } }
.ok { --tone: var(--ok); --tone-back: var(--ok-back) }
.bad { --tone: var(--bad); --tone-back: var(--bad-back) }
.unsure { --tone: var(--unsure); --tone-back: var(--unsure-back) }
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100% }
body { margin: 0 auto; max-width: 60rem; padding: clamp(.75rem, 3vw, 2rem); font: 1rem/1.5 system-ui, sans-serif; color: var(--text); background: var(--back) }
header { padding: clamp(1rem, 4vw, 2rem); border-radius: .75rem; color: var(--tone); background: var(--tone-back) }
h1 { margin: 0; font-size: 1rem; font-weight: 600 }
.verdict { margin: 0; font-size: clamp(3rem, 13vw, 6.5rem); font-weight: 800; line-height: 1.1; letter-spacing: -.02em; overflow-wrap: anywhere }
.verdict span { display: inline-block }
.verdict + p { margin: .25rem 0 0; font-size: 1.125rem }
section { margin-top: 1rem; padding: 1rem clamp(.875rem, 3vw, 1.25rem); border: 1px solid var(--line); border-left: .375rem solid var(--tone); border-radius: .5rem; background: var(--card) }
.title { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem .75rem }
h2 { margin: 0; font-size: 1.25rem; line-height: 1.3; overflow-wrap: anywhere }
.title p { margin: 0 } .database { color: var(--muted); overflow-wrap: anywhere }
.title .mark { margin-left: auto; padding: .125rem .75rem; border-radius: 1rem; font-weight: 600; color: var(--tone); background: var(--tone-back) }
.reason { margin: .75rem 0 0; overflow-wrap: anywhere }
dl { margin: .75rem 0 0 }
dt { font-size: .8125rem; color: var(--muted) }
dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
.counts { display: grid; grid-template-columns: repeat(auto-fit, minmax(5.5rem, 1fr)); gap: .5rem 1rem }
.counts dd { font-size: 1.375rem; font-weight: 600; line-height: 1.5rem }
.counts .none dd { font-weight: 400; color: var(--muted) }
.counts .unsaid dd { font-size: 1rem; font-weight: 400; color: var(--muted) }
.counts .fault dd { color: var(--tone) }
.times { display: flex; flex-wrap: wrap; gap: .125rem 1.5rem; color: var(--muted) }
.times div { display: flex; gap: .375rem }
.times dd { font-size: .8125rem; color: var(--text) }
details { margin-top: .75rem; border-top: 1px solid var(--line); padding-top: .5rem }
summary { padding: .25rem 0; font-weight: 600; cursor: pointer }
ol { margin: .25rem 0 0; padding-left: 3.5em; font: .875rem/1.6 ui-monospace, monospace }
li { overflow-wrap: anywhere } li::marker { color: var(--muted) }
footer { margin-top: 1rem; font-size: .875rem; color: var(--muted) }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: .25rem }
`;

/** Allows only the page's own style: no script, no picture, no form, no frame. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
