// Package json is the ground the generated *_json.pb.go files stand on: the
// dialect of JSON that Apache Mesos speaks for its v1 messages, written by
// appending and read by pulling. It knows no message; protoc-gen-mesosjson turns
// each message into calls of this package, so nothing here or there reflects.
//
// Writing. A message appends '{', then `"key":value,` per member, and End turns the
// last comma into '}'. No writer state, no allocation beyond the buffer. Field names
// are those of the .proto file, integers of every width are JSON numbers, doubles
// carry a point or an exponent (5.0), bytes are padded base64, enums their names. Unset
// fields and empty lists are left out, with two exceptions that clients count on: a field
// with an explicit default that is not deprecated is printed with it ("checkpoint":false),
// and so are the empty lists of the few messages Mesos assembles by hand (emptyLists in
// the plugin: GET_TASKS, GET_AGENTS and their kin). Map keys are sorted.
//
// Reading. A Decoder walks the text once. The generated code asks for objects, keys
// and values in the order they come; the first fault sticks and ends every loop.
// The rules, all Mesos':
//
//   - names as in the .proto file; unknown members are checked for syntax and skipped;
//   - null means unset; a null element of an array is dropped;
//   - numbers and booleans may also be strings holding such a literal; doubles also
//     "Infinity" and "-Infinity" (but not "NaN");
//   - an enum is its name, never its number; an unknown name leaves an optional field
//     unset, is dropped from a repeated one, and is an error in a required one;
//   - where a field is repeated, one bare value counts as a list of one;
//   - anything else of the wrong kind is an error naming field, got and wanted.
//
// A member that occurs twice counts by its last occurrence, whatever its type: lists
// and sub-messages are replaced, not merged. The earlier one must still be valid.
//
// Bounds: objects and arrays nest at most MaxDepth deep and number at most MaxObjects,
// known or skipped. The length of the text is the caller's to bound (wire/codec does).
package json
