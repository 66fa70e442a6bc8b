# The daemon as an image. Build: docker build -t roundtable .    Run: docker run -v data:/data roundtable
#
# Three stages, so that neither the compiler nor the developer's packages come along. No shell stands between the
# container and the daemon: bin/roundtable execs node, which is process 1 and gets SIGTERM itself, and a SIGTERM is a leave.
# Commands that leave children of their own behind need somebody to reap them: run with `--init` then (compose.yaml does).

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Without scripts: the build follows, and the image brings its own Node.js.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY src ./src
RUN npm run build

FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --omit=dev --no-audit --no-fund

FROM node:24-slim
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
COPY bin ./bin
# A new volume takes owner and mode of the directory it covers. Nobody else has a reason to read keys and tasks.
RUN ln -s /app/bin/roundtable /usr/local/bin/roundtable && install -d -o node -g node -m 0700 /data

# Defaults of the container; everything else is in configs/default.yaml. The node's name is the container's hostname.
# `docker stop` kills after 10 s, before the usual leaveMs of 15 s is over: then running attempts would be lost instead of
# handed over. Where the grace period is longer (compose.yaml, Kubernetes), this may be, too.
ENV NODE_ENV=production \
    ROUNDTABLE_DATA_DIR=/data \
    ROUNDTABLE_LEAVE_MS=8s

USER node
VOLUME /data
# 7946: peers. 7373: the API, on the container's own loopback unless ROUNDTABLE_HTTP_HOST and a token say otherwise.
EXPOSE 7946 7373
STOPSIGNAL SIGTERM
# Alive, not ready: a node that waits for its seeds is healthy, and restarting it would help nobody. It is asked where the
# variables of the container make it listen; where its file says another http.port, ROUNDTABLE_URL has to say so, too.
HEALTHCHECK --interval=10s --timeout=6s --start-period=15s --retries=3 CMD ["roundtable", "status", "--check"]
ENTRYPOINT ["/app/bin/roundtable"]
CMD ["agent"]
