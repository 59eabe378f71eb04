# Dateline and what it needs, without what built it. Redis and the log are elsewhere: DATELINE_REDIS, DATELINE_LOG.
FROM python:3.13-slim-trixie AS build
WORKDIR /src
# Versions of the build's own tools are held too: by the first setting up to pip 25.2, by the second after it.
ENV PIP_CONSTRAINT=/src/constraints.txt PIP_BUILD_CONSTRAINT=/src/constraints.txt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
COPY . .
RUN pip wheel --no-deps --wheel-dir /wheels . \
    && python -m venv --without-pip /opt/dateline \
    && pip --python /opt/dateline/bin/python install "$(echo /wheels/dateline-*.whl)[registry]"

FROM python:3.13-slim-trixie
LABEL org.opencontainers.image.title="Dateline" \
      org.opencontainers.image.description="The engine behind a newsroom's live-updates page" \
      org.opencontainers.image.licenses="Apache-2.0"
# The number is fixed, so that a volume's files have the same owner in every release.
RUN groupadd --gid 10001 dateline \
    && useradd --uid 10001 --gid dateline --no-create-home --home-dir /data --shell /usr/sbin/nologin dateline \
    && install --directory --owner=dateline --group=dateline --mode=0700 /data
COPY --from=build /opt/dateline /opt/dateline
ENV PATH=/opt/dateline/bin:$PATH DATELINE_DATA=/data PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /data
VOLUME /data
ENTRYPOINT ["dateline"]
CMD ["--help"]
