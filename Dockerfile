# A sandbox in a container: any user, no state on disk, a root that may be read-only.
# docs/how-to/containers-and-ci.md says how to run it.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY sandbox ./sandbox
COPY schemas ./schemas
COPY scenarios ./scenarios
COPY docs ./docs
RUN python -m venv /opt/payments-sandbox \
    && /opt/payments-sandbox/bin/pip install --no-cache-dir --no-compile '.[fast]'

FROM python:3.13-slim-bookworm
ARG VERSION=unreleased
LABEL org.opencontainers.image.title="payments-sandbox" \
      org.opencontainers.image.description="A local sandbox for the Payments API v3.2." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /opt/payments-sandbox /opt/payments-sandbox
# The base image comes without bytecode, and without it a start takes four times as long. The user
# below may write nowhere, so it is made here, and never checked against files that cannot change.
RUN ["python", "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash", \
     "/usr/local/lib/python3.13", "/opt/payments-sandbox"]
# A mount here adds scenarios of yours.
WORKDIR /scenarios
ENV PATH="/opt/payments-sandbox/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE="1" \
    PAYMENTS_SANDBOX_HOST="0.0.0.0" \
    PAYMENTS_SANDBOX_SCENARIO_DIR="/scenarios"
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=2s --timeout=3s --start-period=10s CMD ["payments-sandbox", "healthcheck"]
ENTRYPOINT ["payments-sandbox"]
CMD ["serve"]
