package api

import "github.com/caprock/caprock/wire/json"

// Members of JSON objects whose names are not known to generated code; each ends
// in a comma, which json.End takes off.

func text(b []byte, name, v string) []byte {
	return append(json.AppendString(json.Key(b, name), v), ',')
}

func double(b []byte, name string, v float64) []byte {
	return append(json.AppendDouble(json.Key(b, name), v), ',')
}

func integer(b []byte, name string, v int64) []byte {
	return append(json.AppendInt(json.Key(b, name), v), ',')
}

func boolean(b []byte, name string, v bool) []byte {
	if v {
		return append(json.Key(b, name), "true,"...)
	}
	return append(json.Key(b, name), "false,"...)
}
