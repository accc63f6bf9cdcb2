# The running engine in a container. The steps are those of `make run`: pip, the pinned constraints, this project.
FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /app/.venv
WORKDIR /source
COPY . .
RUN /app/.venv/bin/python -m pip install --quiet --constraint constraints.txt .

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 batuta && install -d -o batuta -g batuta /data
COPY --from=build /app/.venv /app/.venv
ENV PATH=/app/.venv/bin:$PATH BATUTA_HOME=/data PYTHONUNBUFFERED=1
USER batuta
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["batuta", "doctor", "--health"]
CMD ["batuta", "run"]
