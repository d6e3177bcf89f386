# The pipeline in a container: `docker run -v …:/data clientele` is one `dbt build`, and any other dbt command works
# as well: `docker run … clientele docs generate`. Nothing secret is in it. docs/decisions/0026 says why it is so.
# The base by digest, which a tag is not: the index of all platforms. docs/decisions/0119 says where it is from; the workflow
# says each week what is known against it, and which digest the tag has now.
# A private registry: --build-arg PYTHON_IMAGE=registry.example/python:3.12-slim-bookworm@sha256:…
# A private package index: --secret id=pip,src=pip.conf
ARG PYTHON_IMAGE=python:3.12-slim-bookworm@sha256:392307d22300de8b5986851a12d9176dfc0fc073e65bf6523ebd7dcbeb23564e

FROM ${PYTHON_IMAGE} AS environment
WORKDIR /app
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python3 -m venv /opt/venv
COPY requirements/warehouse.lock requirements/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    /opt/venv/bin/pip install --quiet --require-hashes --only-binary :all: --requirement requirements/warehouse.lock
COPY . .
# The project, and the adapter for Redshift beside it; every package that they need is there, so none is fetched.
RUN for project in . packages/*/; do \
        if [ -f "$project/pyproject.toml" ]; then \
            /opt/venv/bin/pip install --quiet --no-index --no-deps --no-build-isolation "$project" || exit 1; \
        fi; \
    done \
    && rm -rf build src/*.egg-info packages/*/build packages/*/src/*.egg-info \
    && /opt/venv/bin/pip check \
    && /opt/venv/bin/pip uninstall --quiet --yes pip

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG PYTHON_IMAGE
LABEL org.opencontainers.image.title="clientele" \
      org.opencontainers.image.description="From files of shop events to named customer segments, in one dbt build" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN groupadd --gid 10001 clientele \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin clientele \
    && install -d -o 10001 -g 10001 /data /data/events /data/warehouse
COPY --from=environment /opt/venv /opt/venv
COPY --from=environment /app /app
# Packages were compiled when they were installed; the user may write to /data alone.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONWARNINGS=ignore::UserWarning:multiprocessing.resource_tracker \
    DBT_PROJECT_DIR=/app \
    DBT_PROFILES_DIR=/app/profiles \
    DBT_TARGET_PATH=/data/target \
    DBT_LOG_PATH=/data/logs \
    DBT_SEND_ANONYMOUS_USAGE_STATS=false \
    DO_NOT_TRACK=1 \
    CLIENTELE_EVENTS=/data/events \
    CLIENTELE_HOME=/data/warehouse
USER 10001:10001
WORKDIR /data
HEALTHCHECK --interval=1m --timeout=30s --start-period=1m --retries=3 CMD ["/app/deploy/container/healthcheck"]
ENTRYPOINT ["/app/deploy/container/entrypoint"]
CMD ["build"]
