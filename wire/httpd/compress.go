package httpd

import (
	"bytes"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// minCompressBytes is Mesos' threshold: shorter bodies are sent as they are.
const minCompressBytes = 1024

// Encoding is a Content-Encoding; the zero value is none.
type Encoding uint8

const (
	identity Encoding = iota
	gzipped
	zstandard
)

// compress sets the body of the answer, compressed if that was asked for.
func (c *Ctx) compress(body []byte) {
	if len(body) < minCompressBytes {
		c.Response.SetBody(body)
		return
	}
	e := c.Encoding()
	if e.Plain() {
		c.Response.SetBody(body)
		return
	}
	c.markEncoded(e.name())
	encoded, _ := e.Append(make([]byte, 0, len(body)/4), body)
	c.Response.SetBodyRaw(encoded)
}

func (c *Ctx) compressString(body string) {
	if len(body) < minCompressBytes {
		c.Response.SetBodyString(body)
		return
	}
	c.compress([]byte(body))
}

func (c *Ctx) markEncoded(name string) {
	c.Response.ResetBody()
	c.Response.Header.Set("Content-Encoding", name)
	c.Response.Header.Set("Vary", "Accept-Encoding")
}

var gzipWriters = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic("BUG: gzip refuses its own level: " + err.Error())
	}
	return w
}}

var zstdWriters = sync.Pool{New: func() any {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic("BUG: zstd refuses its own options: " + err.Error())
	}
	return w
}}

// chooseEncoding reads Accept-Encoding. gzip is used if it or "*" is there with
// a q above 0. zstd, which costs a third, is used if the client names it and
// does not rank it below gzip.
func chooseEncoding(accept []byte) Encoding {
	if len(accept) == 0 {
		return identity
	}
	const unset = -1
	gz, zs, any := unset, unset, unset
	for len(accept) > 0 {
		var item []byte
		item, accept, _ = bytes.Cut(accept, []byte(","))
		name, params, _ := bytes.Cut(item, []byte(";"))
		name = bytes.TrimSpace(name)
		switch q := qMilli(params); {
		case equalFold(name, "gzip"), equalFold(name, "x-gzip"):
			gz = q
		case equalFold(name, "zstd"):
			zs = q
		case string(name) == "*":
			any = q
		}
	}
	if gz == unset {
		gz = any
	}
	switch {
	case zs > 0 && zs >= gz:
		return zstandard
	case gz > 0:
		return gzipped
	}
	return identity
}

// qMilli reads "q=0.5" as 500; anything that is not a number counts as 1000, as
// if it were absent.
func qMilli(params []byte) int {
	for len(params) > 0 {
		var p []byte
		p, params, _ = bytes.Cut(params, []byte(";"))
		p = bytes.TrimSpace(p)
		if len(p) < 3 || p[0]|0x20 != 'q' || p[1] != '=' {
			continue
		}
		return milli(p[2:])
	}
	return 1000
}

func milli(number []byte) int {
	whole, frac, _ := bytes.Cut(number, []byte("."))
	q := 0
	for _, c := range whole {
		if c < '0' || c > '9' {
			return 1000
		}
		q = min(1, q*10+int(c-'0'))
	}
	q *= 1000
	for i, scale := 0, 100; i < len(frac) && scale > 0; i, scale = i+1, scale/10 {
		if frac[i] < '0' || frac[i] > '9' {
			return 1000
		}
		q += int(frac[i]-'0') * scale
	}
	return min(q, 1000)
}
