# The daemon alone (the default):      docker build -t hotfolder .
# With the embedded stand-in for the API: docker build --target sandbox -t hotfolder:sandbox .

FROM python:3.13-slim AS build
WORKDIR /src
ARG EXTRAS=notify,page
RUN python3 -m venv /opt/hotfolder
COPY pyproject.toml README.md LICENSE ./
COPY hotfolder hotfolder
RUN /opt/hotfolder/bin/pip install --no-cache-dir --no-compile ".[$EXTRAS]" \
  && cp -r /opt/hotfolder /opt/lean && rm -r /opt/lean/lib/python3*/site-packages/pip* /opt/lean/bin/pip*

FROM build AS build-sandbox
RUN /opt/hotfolder/bin/pip install --no-cache-dir --no-compile ".[sandbox]" \
  && rm -r /opt/hotfolder/lib/python3*/site-packages/pip* /opt/hotfolder/bin/pip*

FROM python:3.13-slim AS base
ENV PATH=$PATH:/opt/hotfolder/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOTFOLDER_WEB__PORT=9100 \
  HOTFOLDER_SETUP_PORT=8480
# A new volume gets these rights; whoever the container is started as must be able to write there.
RUN install -d -o 1000 -g 1000 -m 2777 /data && install -d -o 1000 -g 1000 -m 1777 /state
COPY hotfolder/setup/container.sh /usr/local/bin/hotfolder
COPY hotfolder/setup/health.py /usr/local/lib/hotfolder/
USER 1000:1000
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
# Unhealthy while /readyz gives a reason.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python3", "/usr/local/lib/hotfolder/health.py"]
# With `--user 0` it becomes PUID:PGID first; with any other user it stays who it is.
# The kernel drops a SIGTERM for process 1 until that has a handler; blocked, it is kept until then.
ENTRYPOINT ["env", "--block-signal=TERM", "/usr/local/bin/hotfolder"]
# Without that file HOTFOLDER_ROOT and a key are enough. With nothing at all, the log names a page that asks for them.
CMD ["run", "--config", "/data/config.yaml"]

FROM base AS sandbox
USER root
# The lens correction needs it.
RUN apt-get update && apt-get install -y --no-install-recommends libglib2.0-0 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
USER 1000:1000
COPY --from=build-sandbox /opt/hotfolder /opt/hotfolder

FROM base AS hotfolder
COPY --from=build /opt/lean /opt/hotfolder
