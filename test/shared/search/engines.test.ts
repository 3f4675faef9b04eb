// Against answers as the services publish them, and against anything else.
import { expect } from 'chai';
import fc from 'fast-check';
import { brave } from '#shared/search/engines/brave.ts';
import { ENGINES } from '#shared/search/engines/index.ts';
import { openrouter } from '#shared/search/engines/openrouter.ts';
import { perplexity } from '#shared/search/engines/perplexity.ts';
import { searxng } from '#shared/search/engines/searxng.ts';
import { tavily } from '#shared/search/engines/tavily.ts';
import type { EngineAsk } from '#shared/search/search-engine.ts';

const ASK: EngineAsk = {
  query: 'node & co',
  maxResults: 5,
  model: 'some/model',
  allowedDomains: [],
  blockedDomains: [],
  country: null,
};
const DOMAINS = { allowedDomains: ['a.example/docs'], blockedDomains: ['b.example', 'c.example/x'] };

describe('a search engine', () => {
  it('tavily is asked for pages of hosts', () => {
    expect(tavily.toRequest({ ...ASK, ...DOMAINS }).body).to.deep.equal({
      ...{ query: 'node & co', max_results: 5, include_domains: ['a.example'], exclude_domains: ['b.example'] },
    });
    const results = [{ url: 'https://a.example/', title: 'A', content: 'said', score: 0.9, published_date: '2026' }];
    expect(tavily.readPages({ results })).to.deep.equal([
      { url: 'https://a.example/', title: 'A', text: 'said', age: '2026' },
    ]);
  });

  it('perplexity is asked with one list of domains, in or out', () => {
    expect(perplexity.toRequest({ ...ASK, country: 'DE' }).body).to.deep.equal({
      ...{ query: 'node & co', max_results: 5, country: 'DE' },
    });
    expect(perplexity.toRequest({ ...ASK, ...DOMAINS }).body).to.have.deep.property('search_domain_filter', [
      'a.example',
    ]);
    expect(perplexity.toRequest({ ...ASK, ...DOMAINS, allowedDomains: [] }).body).to.have.deep.property(
      'search_domain_filter',
      ['-b.example'],
    );
    const results = [{ url: 'https://a.example/', title: 'A', snippet: 's', date: null, last_updated: '2026-01-02' }];
    expect(perplexity.readPages({ id: 'x', results })).to.deep.equal([
      { url: 'https://a.example/', title: 'A', text: 's', age: '2026-01-02' },
    ]);
  });

  it('searxng is asked for JSON, with operators for domains', () => {
    const { path } = searxng.toRequest({ ...ASK, ...DOMAINS });
    const asked = new URL(path, 'https://x.example').searchParams;
    expect(Object.fromEntries(asked)).to.deep.equal({
      q: 'node & co site:a.example -site:b.example',
      format: 'json',
    });
    const results = [{ url: 'https://a.example/', title: 'A', content: 's', publishedDate: '2026-01-02T00:00:00' }];
    expect(searxng.readPages({ query: 'q', results })).to.deep.equal([
      { url: 'https://a.example/', title: 'A', text: 's', age: '2026-01-02T00:00:00' },
    ]);
  });

  it('brave tells in HTML, and has no list where it found nothing', () => {
    const asked = new URL(brave.toRequest({ ...ASK, country: 'DE' }).path, 'https://x.example').searchParams;
    expect(Object.fromEntries(asked)).to.deep.equal({
      ...{ q: 'node & co', count: '5', result_filter: 'web', text_decorations: 'false', country: 'DE' },
    });
    const result = {
      ...{ url: 'https://a.example/', title: 'A &amp; <strong>B</strong>', description: '1 &lt; 2 &amp;lt; 3' },
      ...{ extra_snippets: ['more'], age: 'May 6, 2026', page_age: '2026-05-06T00:00:00' },
    };
    expect(brave.readPages({ type: 'search', web: { results: [result] } })).to.deep.equal([
      { url: 'https://a.example/', title: 'A & B', text: '1 < 2 &lt; 3\nmore', age: '2026-05-06T00:00:00' },
    ]);
    expect(brave.readPages({ type: 'search' })).to.deep.equal([]);
    expect(brave.readPages({ type: 'ErrorResponse', error: {} })).to.equal(null);
  });

  it('openrouter is a model whose annotations count, whatever it says', () => {
    expect(openrouter.toRequest({ ...ASK, ...DOMAINS }).body).to.deep.include({
      model: 'some/model',
      plugins: [
        {
          ...{ id: 'web', max_results: 5 },
          ...{ include_domains: ['a.example/docs'], exclude_domains: ['b.example', 'c.example/x'] },
        },
      ],
    });
    const citation = { url: 'https://a.example/', title: 'A', content: 's', start_index: 1, end_index: 2 };
    const message = {
      content: 'words',
      annotations: [{ type: 'url_citation', url_citation: citation }, { type: 'file' }],
    };
    expect(openrouter.readPages({ choices: [{ message }] })).to.deep.equal([
      { url: 'https://a.example/', title: 'A', text: 's', age: null },
    ]);
    expect(openrouter.readPages({ choices: [{ message: { content: 'words' } }] })).to.deep.equal([]);
    expect(openrouter.readPages({ error: { message: 'no' } })).to.equal(null);
  });

  it('never stumbles over an answer, and knows what is none', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (answer) => {
        for (const engine of ENGINES) engine.readPages(answer);
      }),
    );
    for (const { name, readPages } of ENGINES) {
      for (const answer of [undefined, null, 'x', [], {}, { results: {} }, { choices: 1 }])
        expect(readPages(answer), `${name} ${JSON.stringify(answer)}`).to.equal(null);
    }
  });
});
