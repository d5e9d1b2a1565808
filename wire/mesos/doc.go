// Package mesos is the vocabulary shared by every Mesos v1 API: ids, resources,
// tasks, offers, agents. Generated from mesos.proto; the sub-packages hold the
// calls and events of each API.
//
// Wire numbers, names, labels and defaults equal those of Apache Mesos v1, and a
// test holds them against testdata/schema.tsv. Encodings: protobuf here, Mesos' JSON
// dialect beside it in the *_json.pb.go files.
package mesos
