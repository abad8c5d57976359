# The sandbox in a container. It runs as any user, stores no state on disk, and allows a read-only root.
# docs/how-to/containers-and-ci.md says how to run it, and how to update the base image.
FROM python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS base
# The base image has no bytecode, and a start without it takes four times as long. The user below cannot
# write files, so the bytecode is compiled here. It is never checked, since the sources cannot change.
RUN ["python", "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash", \
     "/usr/local/lib/python3.13"]

FROM base AS dependencies
COPY image-requirements.txt /tmp/
RUN python -m venv --without-pip /opt/payments-sandbox \
    && pip --python /opt/payments-sandbox/bin/python install --no-cache-dir --no-compile \
        --require-hashes --requirement /tmp/image-requirements.txt \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/payments-sandbox

FROM base AS wheel
WORKDIR /src
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY sandbox ./sandbox
COPY schemas ./schemas
COPY scenarios ./scenarios
COPY docs ./docs
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel .

FROM base
ARG VERSION=unreleased
LABEL org.opencontainers.image.title="payments-sandbox" \
      org.opencontainers.image.description="A local sandbox for the Payments API v3.2." \
      org.opencontainers.image.source="https://github.com/payments-sandbox/payments-sandbox" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"
# What seldom changes has a layer of its own; ours is the last one, and small.
COPY --from=dependencies /opt/payments-sandbox /opt/payments-sandbox
RUN --mount=type=bind,from=wheel,source=/wheel,target=/wheel \
    pip --python /opt/payments-sandbox/bin/python install --no-cache-dir --no-compile --no-deps \
        --no-index /wheel/*.whl \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        /opt/payments-sandbox/lib/python3.13/site-packages/payments_sandbox
# A mount here adds scenarios of yours.
WORKDIR /scenarios
ENV PATH="/opt/payments-sandbox/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE="1" \
    PAYMENTS_SANDBOX_HOST="0.0.0.0" \
    PAYMENTS_SANDBOX_SCENARIO_DIR="/scenarios"
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
# A check takes a tenth of a second of CPU: each second until the server is ready, then hardly ever.
HEALTHCHECK --interval=5m --timeout=3s --start-period=30s --start-interval=1s \
    CMD ["payments-sandbox", "healthcheck"]
ENTRYPOINT ["payments-sandbox"]
CMD ["serve"]
