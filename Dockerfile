# One image content for every service; the command chooses: docker run cc-proxy gateway|comparator|console|simulator|start
# Targets: runtime (the default: everything in one process), gateway, comparator, console, simulator (the same with another
# default command), distroless (no shell), debug (inspector and sources), dev (runs the sources and watches them).
ARG NODE_IMAGE=node:24-bookworm-slim
ARG DISTROLESS_IMAGE=gcr.io/distroless/nodejs24-debian13:nonroot
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=

# What is installed and built here runs on every processor, so an image for another one emulates nothing but its last step.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS deps
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/npm npm ci --cache /npm --no-audit --no-fund

FROM deps AS build
COPY tsconfig.json tsconfig.build.json ./
COPY services services
# An empty folder: what becomes a volume needs its owner in the image.
RUN npm run build && mkdir /state

FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS prod-deps
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY deploy/image/trim-modules.mjs /trim-modules.mjs
RUN --mount=type=cache,target=/npm npm ci --cache /npm --omit=dev --no-audit --no-fund \
  && node /trim-modules.mjs node_modules

FROM ${NODE_IMAGE} AS base
ARG VERSION
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="cc-proxy" \
  org.opencontainers.image.description="A model gateway for coding agents: route, shadow, compare, observe" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.source="${SOURCE}" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
# Nothing at run time needs npm.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn*
COPY --from=build --chown=1000:1000 /state /run/cc-proxy
COPY --from=build --chown=1000:1000 /state /var/lib/cc-proxy
WORKDIR /app
COPY --from=prod-deps /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
COPY deploy deploy
ENV NODE_ENV=production XDG_STATE_HOME=/var/lib
USER 1000:1000
# Node itself, so that SIGTERM reaches the handler that drains.
ENTRYPOINT ["node", "--enable-source-maps", "/app/dist/services/cli/main.js"]
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=5 \
  CMD ["node", "/app/deploy/image/health.mjs"]

FROM base AS gateway
EXPOSE 3080 9464
CMD ["gateway"]

FROM base AS comparator
EXPOSE 3081 9464
CMD ["comparator"]

FROM base AS console
EXPOSE 3082 9464
CMD ["console"]

FROM base AS simulator
EXPOSE 3090
CMD ["simulator"]

# With the TypeScript that the source maps name. Heap snapshots by `kill -USR2 1`, into /tmp.
FROM base AS debug
COPY services services
EXPOSE 3080 3081 3082 3090 9229 9464
ENTRYPOINT ["node", "--enable-source-maps", "--inspect=0.0.0.0:9229", "--heapsnapshot-signal=SIGUSR2", "--diagnostic-dir=/tmp", "/app/dist/services/cli/main.js"]
CMD ["start"]

# Runs the sources and restarts when they change; docker-compose.override.example.yml mounts those of the checkout.
FROM deps AS dev
COPY tsconfig.json LICENSE ./
COPY deploy deploy
COPY services services
RUN install -d -o 1000 -g 1000 /run/cc-proxy /var/lib/cc-proxy
ENV XDG_STATE_HOME=/var/lib
USER 1000:1000
EXPOSE 3080 3081 3082 3090 9464
ENTRYPOINT ["node", "--watch", "--watch-preserve-output", "--conditions=source", "/app/services/cli/main.ts"]
CMD ["start"]

FROM ${DISTROLESS_IMAGE} AS distroless
ARG VERSION
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="cc-proxy" \
  org.opencontainers.image.description="A model gateway for coding agents: route, shadow, compare, observe" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.source="${SOURCE}" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
COPY --from=build --chown=65532:65532 /state /run/cc-proxy
COPY --from=build --chown=65532:65532 /state /var/lib/cc-proxy
WORKDIR /app
COPY --from=prod-deps /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
COPY deploy deploy
ENV NODE_ENV=production XDG_STATE_HOME=/var/lib
USER 65532:65532
EXPOSE 3080 3081 3082 3090 9464
ENTRYPOINT ["/nodejs/bin/node", "--enable-source-maps", "/app/dist/services/cli/main.js"]
CMD ["start"]
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=5 \
  CMD ["/nodejs/bin/node", "/app/deploy/image/health.mjs"]

FROM base AS runtime
EXPOSE 3080 3081 3082 3090 9464
CMD ["start"]
