# guardian as a container: built on Debian 12, run on Debian 12 without the toolchain.
#
#   docker build -t guardian .
#   docker run -v guardian-data:/data -v /etc/guardian:/etc/guardian:ro -e GUARDIAN_CONFIG=/etc/guardian/guardian.yaml -p 8443:8443 guardian
#
# Inside a container the API's address is not loopback as the host sees it: that file says listen: 0.0.0.0:8443, token_file,
# tls.certificate_file and tls.key_file. Or share a Unix socket, listen: unix:/data/guardian.sock, and publish no port.
FROM swift:6.3-bookworm AS build
RUN apt-get update -q && apt-get install -q -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY scripts/setup.sh scripts/setup.sh
RUN scripts/setup.sh
COPY . .
RUN swift build -c release --product guardian --static-swift-stdlib \
    && mkdir /out && cp "$(swift build -c release --show-bin-path)/guardian" /out/

FROM debian:12-slim
RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends ca-certificates libsqlite3-0 libpq5 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home-dir /data --create-home --shell /usr/sbin/nologin guardian \
    && chmod 0700 /data
COPY --from=build /out/guardian /usr/bin/guardian
USER guardian
VOLUME /data
ENV GUARDIAN_DATA_DIR=/data
STOPSIGNAL SIGTERM
ENTRYPOINT ["guardian"]
CMD ["serve"]
