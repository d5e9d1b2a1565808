// Command protoc-gen-mesosjson is a protoc plugin: beside each message file it writes a
// *_json.pb.go with AppendJSON and DecodeJSON for every message and JSONName and
// SetJSON for every enum, in the JSON dialect of Mesos (see wire/json, whose
// primitives the written code calls). Run it through tools/genproto/genproto.sh.
package main
