# syntax=docker/dockerfile:1
# One image for each folder in services/; `make images` builds them all.
#
#     docker build --build-arg SERVICE=worker-mail --tag penstock/worker-mail .
#
# What a service starts with stands in the stage of its name. The last stage is the image that runs in production;
# `--target dev` is the same with its sources editable in /src, where a changed file counts from the next start on.
ARG SERVICE=api

FROM ghcr.io/astral-sh/uv:0.13 AS uv

FROM python:3.13-slim AS python
ENV PATH=/opt/penstock/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1
# The official image has no bytecode of the standard library, and a pod writes none: each start would compile it anew.
RUN python -m compileall -q -x '/(site-packages|idlelib|ensurepip|tkinter|turtledemo|pydoc_data)/' /usr/local/lib/python3.13

FROM python AS dependencies
ARG SERVICE
COPY --from=uv /uv /usr/local/bin/uv
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON=/opt/penstock/bin/python \
    UV_PYTHON_DOWNLOADS=never
RUN uv venv --quiet --python /usr/local/bin/python3 /opt/penstock
# Copied, not mounted: skaffold builds anew for what is copied.
COPY requirements/$SERVICE.txt /requirements.txt
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip sync --quiet --require-hashes /requirements.txt

FROM dependencies AS build
ARG SERVICE
WORKDIR /src
COPY libs libs
COPY services/$SERVICE services/$SERVICE
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --quiet --no-deps --no-sources ./libs/contracts ./libs/runtime "./services/$SERVICE"
# The kernel drops a signal that PID 1 has no handler for. A pod told to go while its imports still run would stay for its
# whole grace: from the interpreter's first moment until Celery or gunicorn puts its own handler there, SIGTERM ends it.
COPY early_sigterm.pth /opt/penstock/lib/python3.13/site-packages/

FROM dependencies AS build-dev
ARG SERVICE
WORKDIR /src
COPY libs libs
COPY services/$SERVICE services/$SERVICE
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --quiet --no-deps --no-sources --editable ./libs/contracts --editable ./libs/runtime --editable "./services/$SERVICE"
COPY early_sigterm.pth /opt/penstock/lib/python3.13/site-packages/

FROM python AS pod
RUN groupadd --gid 10001 penstock \
    && useradd --uid 10001 --gid penstock --no-create-home --home-dir /tmp --shell /usr/sbin/nologin penstock \
    && install --directory --owner=penstock --group=penstock /var/lib/penstock /var/lib/penstock/storage
# A root file system that is read-only has /tmp and the storage to write to.
ENV MPLCONFIGDIR=/tmp/matplotlib
WORKDIR /tmp
USER 10001:10001

FROM pod AS api
ENV PENSTOCK_API_HOST=0.0.0.0
EXPOSE 8000
ENTRYPOINT ["gunicorn", "-c", "python:penstock_api.gunicorn_conf"]

FROM pod AS scheduler
ENTRYPOINT ["penstock-celery", "-A", "penstock_scheduler.app", "beat"]
CMD ["--loglevel", "INFO"]

FROM pod AS worker-dataset
ENTRYPOINT ["penstock-celery", "-A", "penstock_worker_dataset.app", "worker", "-Q", "dataset", "-P", "prefork", "--without-gossip", "--without-mingle"]
CMD ["-c", "2", "--loglevel", "INFO"]

FROM pod AS worker-generation
ENTRYPOINT ["penstock-celery", "-A", "penstock_worker_generation.app", "worker", "-Q", "generation", "-P", "prefork", "--without-gossip", "--without-mingle"]
CMD ["-c", "1", "--loglevel", "INFO"]

FROM pod AS worker-mail
ENTRYPOINT ["penstock-celery", "-A", "penstock_worker_mail.app", "worker", "-Q", "mail", "-P", "gevent", "--without-gossip", "--without-mingle"]
CMD ["-c", "50", "--loglevel", "INFO"]

FROM pod AS worker-opstrace
ENTRYPOINT ["penstock-celery", "-A", "penstock_worker_opstrace.app", "worker", "-Q", "ops_trace", "-P", "gevent", "--without-gossip", "--without-mingle"]
CMD ["-c", "100", "--loglevel", "INFO"]

FROM ${SERVICE} AS dev
COPY --from=build-dev --chown=10001:10001 /src /src
COPY --from=build-dev --chown=10001:10001 /opt/penstock /opt/penstock

FROM ${SERVICE} AS production
COPY --from=build /opt/penstock /opt/penstock
