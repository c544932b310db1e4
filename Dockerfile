# The daemon alone (the default):      docker build -t hotfolder .
# With the embedded stand-in of the API: docker build --target sandbox -t hotfolder:sandbox .

FROM python:3.13-slim AS build
WORKDIR /src
RUN python3 -m venv /opt/hotfolder
COPY pyproject.toml README.md LICENSE ./
COPY hotfolder hotfolder
RUN /opt/hotfolder/bin/pip install --no-cache-dir --no-compile ".[notify]"

FROM build AS build-sandbox
RUN /opt/hotfolder/bin/pip install --no-cache-dir --no-compile ".[sandbox]"

FROM python:3.13-slim AS base
ENV PATH=/opt/hotfolder/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOTFOLDER_WEB__PORT=9100
RUN install -d -o 1000 -g 1000 -m 2775 /data
USER 1000:1000
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
# Unhealthy when it hangs, when an inbox is out of reach, and when the API needs a person.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python3", "-c", \
  "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9100/readyz', timeout=4)"]
ENTRYPOINT ["hotfolder"]
CMD ["run", "--config", "/data/config.yaml"]

FROM base AS sandbox
COPY --from=build-sandbox /opt/hotfolder /opt/hotfolder

FROM base AS hotfolder
COPY --from=build /opt/hotfolder /opt/hotfolder
