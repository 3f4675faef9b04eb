# One image for every service; the command chooses: docker run cc-proxy gateway|comparator|console|simulator|start
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS deps
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund

FROM deps AS build
COPY tsconfig.json tsconfig.build.json ./
COPY services services
RUN npm run build

FROM ${NODE_IMAGE} AS prod-deps
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Source maps of dependencies are a third of their size and help nobody at run time.
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --no-audit --no-fund \
  && find node_modules -name '*.map' -delete

FROM ${NODE_IMAGE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cc-proxy" \
  org.opencontainers.image.description="A model gateway for coding agents: route, shadow, compare, observe" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
# Folders that become volumes need their owner in the image; nothing at run time needs npm.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn* \
  && install -d -o 1000 -g 1000 -m 0755 /run/cc-proxy /var/lib/cc-proxy
WORKDIR /app
COPY --from=prod-deps /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
COPY deploy deploy
ENV NODE_ENV=production XDG_STATE_HOME=/var/lib
USER 1000:1000
EXPOSE 3080 3081 3082 3090 9464
# Node itself, so that SIGTERM reaches the handler that drains.
ENTRYPOINT ["node", "--enable-source-maps", "/app/dist/services/cli/main.js"]
CMD ["start"]
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=5 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9464/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
