package codec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var (
	// ErrMissing: no Content-Type. HTTP says 400.
	ErrMissing = errors.New("header Content-Type is missing, want application/json or application/x-protobuf")
	// ErrUnsupported: a Content-Type that is neither encoding. HTTP says 415.
	ErrUnsupported = errors.New("unsupported Content-Type")
)

// FromContentType is the encoding of a request body. Mesos compares byte for byte: even
// "application/json; charset=utf-8" is unsupported.
func FromContentType(h string) (Type, error) {
	switch h {
	case "application/json":
		return JSON, nil
	case "application/x-protobuf":
		return Protobuf, nil
	case "":
		return JSON, ErrMissing
	}
	return JSON, fmt.Errorf("%w: got %q, want application/json or application/x-protobuf", ErrUnsupported, h)
}

// Negotiate picks the encoding of the answer from an Accept header; false means 406.
// JSON wins whenever it is acceptable, whatever the q values rank. A missing (empty)
// header accepts everything.
func Negotiate(accept string) (Type, bool) {
	for _, t := range [...]Type{JSON, Protobuf} {
		if Accepts(accept, t.ContentType()) {
			return t, true
		}
	}
	return JSON, false
}

// Accepts says whether an Accept header allows a media type. White space counts nowhere.
// The most specific entry that names the type decides: the type itself, then "type/*",
// then "*/*". An entry with q=0 (or less) excludes, any other q includes.
func Accepts(accept, mediaType string) bool {
	if strings.ContainsAny(accept, " \t\r\n") {
		accept = strings.Join(strings.Fields(accept), "")
	}
	if accept == "" {
		return true
	}
	major, _, _ := strings.Cut(mediaType, "/")
	for _, name := range [...]string{mediaType, major + "/*", "*/*"} {
		if found, ok := lookup(accept, name); found {
			return ok
		}
	}
	return false
}

// lookup finds an entry of that name and says whether its q includes it.
func lookup(accept, name string) (found, included bool) {
	for entry := range strings.SplitSeq(accept, ",") {
		media, parameters, _ := strings.Cut(entry, ";")
		if media == name {
			return true, !excluded(parameters)
		}
	}
	return false, false
}

func excluded(parameters string) bool {
	for p := range strings.SplitSeq(parameters, ";") {
		if q, ok := strings.CutPrefix(p, "q="); ok {
			v, err := strconv.ParseFloat(q, 64)
			return err == nil && v <= 0
		}
	}
	return false
}
