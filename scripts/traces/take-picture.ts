// A page as headless Chromium shows it, taken when a text has appeared on it: the browser is driven over its own protocol
// (https://chromedevtools.github.io/devtools-protocol/).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../test/support/free-port.ts';
import { end, eventually, getJson, isInstalled, startProgram } from './traced-services.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const QUIET = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--hide-scrollbars'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync', '--log-level=3'],
];
/** The last parts of a page come after its text. */
const SETTLE_MS = 2_000;

/** @returns why there is none, null when it was taken. @throws when the text does not appear */
export async function takePicture(url: string, text: string, file: string): Promise<string | null> {
  const program = NAMES.find(isInstalled);
  if (program === undefined) return 'there is no Chromium in PATH';
  const profile = mkdtempSync(join(tmpdir(), 'cc-proxy-chromium-'));
  const port = await freePort();
  const place = [`--user-data-dir=${profile}`, `--remote-debugging-port=${port}`, '--window-size=1600,1000'];
  const browser = startProgram(program, [...QUIET, ...place, url]);
  try {
    const page = await eventually('Chromium has a page', async () => {
      const targets = await getJson<Array<{ type: string; webSocketDebuggerUrl: string }>>(
        `http://127.0.0.1:${port}/json/list`,
      );
      return targets.find(({ type }) => type === 'page');
    });
    const call = await connect(page.webSocketDebuggerUrl);
    const expression = `document.body.innerText.includes(${JSON.stringify(text)})`;
    await eventually(`the page shows "${text}"`, async () => {
      const { result } = await call<{ result: { value: unknown } }>('Runtime.evaluate', { expression });
      return result.value === true;
    });
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const { data } = await call<{ data: string }>('Page.captureScreenshot', { format: 'png' });
    writeFileSync(file, Buffer.from(data, 'base64'));
    return null;
  } finally {
    await end(browser);
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

type Call = <T>(method: string, params: Record<string, unknown>) => Promise<T>;

async function connect(url: string): Promise<Call> {
  const socket = new WebSocket(url);
  const waiting = new Map<number, (result: unknown) => void>();
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id?: number; result?: unknown };
    if (id !== undefined) waiting.get(id)?.(result);
  });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve());
    socket.addEventListener('error', () => reject(new Error('Chromium cannot be spoken to')));
  });
  let last = 0;
  return <T>(method: string, params: Record<string, unknown>) =>
    new Promise<T>((resolve) => {
      last += 1;
      waiting.set(last, (result) => resolve(result as T));
      socket.send(JSON.stringify({ id: last, method, params }));
    });
}
