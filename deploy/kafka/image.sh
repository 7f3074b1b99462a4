#!/usr/bin/env bash
# Makes a Kafka image ready for the tests and prints its name on stdout; everything else goes to stderr.
# OFS_KAFKA_IMAGE, if set, is taken as it is. Else the public image, where its registry is reached. Else a local one
# with the same settings: jars from Maven, a base system by debootstrap from the apt mirror of this machine.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -nE 's|.*<kafka.version>(.*)</kafka.version>.*|\1|p' "$here/pom.xml")
public=apache/kafka:$version
local=local/kafka:$version
say() { echo "kafka-image: $*" >&2; }
present() { [ -n "$(docker images -q "$1")" ]; }
# a local image built from another recipe is not the one meant
recipe=$(cat "$here"/{Dockerfile,run-kafka,log4j2.properties,pom.xml} | sha256sum | cut -c1-16)
built() { [ "$(docker image inspect --format '{{index .Config.Labels "recipe"}}' "$local" 2>/dev/null)" = "$recipe" ]; }

if ! docker info >/dev/null 2>&1; then
  say "no docker daemon answers: start one (as root: dockerd), or set OFS_TEST_BOOTSTRAP=HOST:PORT"
  exit 1
fi
if [ -n "${OFS_KAFKA_IMAGE:-}" ]; then
  present "$OFS_KAFKA_IMAGE" || docker pull -q "$OFS_KAFKA_IMAGE" >&2
  echo "$OFS_KAFKA_IMAGE"
  exit 0
fi
if present "$public"; then echo "$public"; exit 0; fi
if built; then echo "$local"; exit 0; fi
if timeout 300 docker pull -q "$public" >/dev/null 2>&1; then echo "$public"; exit 0; fi

say "no registry of images is reached: building $local"
missing=""
for tool in mvn debootstrap; do command -v "$tool" >/dev/null || missing="$missing $tool"; done
if [ -n "$missing" ]; then
  say "needs$missing (on Debian, as root: apt-get install maven debootstrap)"
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  say "debootstrap needs root: run 'make kafka-image' once as root"
  exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mvn -B -q -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
  -DoutputDirectory="$work/context/lib" >&2

base=local/bookworm-jre17:1
if ! present "$base"; then
  mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true; } |
    sed -nE 's/^URIs:[[:space:]]*([^[:space:]]+).*/\1/p; s/^deb([[:space:]]+\[[^]]*\])?[[:space:]]+([^[:space:]]+).*/\2/p' |
    head -1)
  debootstrap --variant=minbase --include=openjdk-17-jre-headless bookworm "$work/base" "$mirror" \
    >"$work/log" 2>&1 || { tail -20 "$work/log" >&2; exit 1; }
  rm -rf "$work"/base/var/cache/apt/archives/*.deb "$work"/base/var/lib/apt/lists/* \
    "$work"/base/usr/share/{man,locale}/*
  tar -C "$work/base" -c . |
    docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$base" >/dev/null
fi
cp "$here"/Dockerfile "$here"/run-kafka "$here"/log4j2.properties "$work/context/"
# the classic builder needs no plugin, which a plain daemon lacks
DOCKER_BUILDKIT=0 docker build -q --build-arg "BASE=$base" --label "recipe=$recipe" \
  -t "$local" "$work/context" >&2
echo "$local"
