#!/usr/bin/env bash
# Regenerates every *.pb.go from the .proto files. Needs protoc 3.21 or later;
# the plugins come from this module (go.mod, "tool"). The results are committed,
# so building and testing Caprock needs none of this.
set -euo pipefail
cd "$(git rev-parse --show-toplevel)"
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
go build -o "$bin" google.golang.org/protobuf/cmd/protoc-gen-go github.com/planetscale/vtprotobuf/cmd/protoc-gen-go-vtproto ./tools/protoc-gen-mesosjson
mod=github.com/caprock/caprock
mapfile -t files < <(find wire store agent -name '*.proto' | sort)
protoc -I . \
  --plugin="$bin/protoc-gen-go" --go_out=. --go_opt=module=$mod \
  --plugin="$bin/protoc-gen-go-vtproto" --go-vtproto_out=. \
  --go-vtproto_opt=module=$mod,features=marshal+unmarshal+size+clone+equal \
  "${files[@]}"

# Only what speaks Mesos' APIs has a JSON face.
mapfile -t mesos < <(find wire/mesos -name '*.proto' | sort)
protoc -I . \
  --plugin="$bin/protoc-gen-mesosjson" --mesosjson_out=. --mesosjson_opt=module=$mod \
  "${mesos[@]}"
