/** The pages of the service, as HTML without scripts. */

export interface PageContent {
  readonly links: readonly (readonly [name: string, address: string])[]
  /** The name that was just added. */
  readonly added?: string
  /** What was refused, and why. */
  readonly refused?: string
}

export function page({ links, added, refused }: PageContent): string {
  const rows = links.map(
    ([name, address]) =>
      `<li><a href="/${escapeHtml(name)}">/${escapeHtml(name)}</a> ${escapeHtml(address)}</li>`,
  )
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Short links</title>
<style>
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
  input { font: inherit; width: 100%; box-sizing: border-box; margin-bottom: .5rem }
  li { overflow-wrap: anywhere }
</style>
<h1>Short links</h1>
${added === undefined ? '' : `<p role="status">Added: <a id="added" href="/${escapeHtml(added)}">/${escapeHtml(added)}</a></p>`}
${refused === undefined ? '' : `<p role="alert">${escapeHtml(refused)}</p>`}
<form method="post" action="/">
  <label>Address <input name="address" type="url" required placeholder="https://"></label>
  <label>Name, if you like <input name="name" pattern="[A-Za-z0-9_\\-]{1,40}"></label>
  <button>Shorten</button>
</form>
<h2>All ${links.length}</h2>
<ul>
${rows.join('\n')}
</ul>
</html>
`
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}
