// The health check of the image, whatever command runs in it: its ops listener is asked whether it is ready. A simulator
// has none: where nobody listens there, its own port is asked. Both ports follow the variables that move them.
const portOf = (variable, usual) => /:(\d+)$/.exec(process.env[variable] ?? '')?.[1] ?? usual;

/** @returns whether the answer is a good one; null where nobody listens */
async function isWell(port, path) {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    await response.body?.cancel();
    return response.ok;
  } catch (error) {
    if (error.cause?.code === 'ECONNREFUSED') return null;
    console.error(`${path} on port ${port}: ${error.cause?.message ?? error.message}`);
    return false;
  }
}

const ops = await isWell(portOf('CC_OPS__LISTEN_ADDRESS', '9464'), '/readyz');
const isHealthy = ops ?? (await isWell(portOf('CC_SIMULATOR__LISTEN_ADDRESS', '3090'), '/__scene'));
process.exitCode = isHealthy ? 0 : 1;
