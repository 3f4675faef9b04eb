// Domains as Anthropic's search tool takes them: `example.com` with everything below it, `example.com/blog` for a part of
// it, `*` in the path for anything.

/** Where may a page stand? Blocked domains win. */
export function isAllowed(url: string, allowed: readonly string[], blocked: readonly string[]): boolean {
  if (!URL.canParse(url)) return false;
  const page = new URL(url);
  if (page.protocol !== 'https:' && page.protocol !== 'http:') return false;
  if (blocked.some((domain) => isWithin(page, domain))) return false;
  return allowed.length === 0 || allowed.some((domain) => isWithin(page, domain));
}

function isWithin(page: URL, domain: string): boolean {
  const { host, path } = split(domain);
  if (host === '' || !(page.hostname === host || page.hostname.endsWith(`.${host}`))) return false;
  return path === '' || isBelow(page.pathname, path);
}

/**
 * Each part is taken where it first stands: that leaves most for those behind it. No pattern, which would try every
 * place with every other one.
 */
function isBelow(pathname: string, path: string): boolean {
  const [first = '', ...others] = path.split(/\*+/);
  const last = others.pop();
  if (!pathname.startsWith(first)) return false;
  if (last === undefined) return isStep(pathname, first.length);
  let at = first.length;
  for (const part of others) {
    const found = pathname.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  for (let found = pathname.indexOf(last, at); found !== -1; found = pathname.indexOf(last, found + 1)) {
    if (isStep(pathname, found + last.length)) return true;
  }
  return false;
}

function isStep(pathname: string, end: number): boolean {
  return end === pathname.length || pathname[end] === '/';
}

function split(domain: string): { host: string; path: string } {
  const bare = domain
    .trim()
    .replace(/^https?:\/\//i, '')
    .replace(/^www\./i, '');
  const slash = bare.indexOf('/');
  const host = (slash === -1 ? bare : bare.slice(0, slash)).toLowerCase();
  return { host, path: slash === -1 ? '' : bare.slice(slash).replace(/\/+$/, '') };
}

/** The hosts alone, for engines that know no paths. */
export function hostsOf(domains: readonly string[]): string[] {
  return [...new Set(domains.map((domain) => split(domain).host).filter((host) => host !== ''))];
}

/** Domains of which the whole host is meant: only those can be kept out by their host. */
export function wholeHostsOf(domains: readonly string[]): string[] {
  return hostsOf(domains.filter((domain) => split(domain).path === ''));
}

/** The query with operators that most engines know; without them where it would get too long. */
export function withSites(query: string, allowed: readonly string[], blocked: readonly string[], most: number): string {
  const sites = hostsOf(allowed).map((host) => `site:${host}`);
  const wanted = sites.length > 1 ? [`(${sites.join(' OR ')})`] : sites;
  const asked = [query, ...wanted, ...wholeHostsOf(blocked).map((host) => `-site:${host}`)].join(' ');
  return asked.length <= most ? asked : query;
}
