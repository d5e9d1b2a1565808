package httpc

import (
	"bufio"
	"bytes"
	"io"
	"net/http/httputil"
	"strings"
	"testing"
)

func TestFollowLocation(t *testing.T) {
	from, err := parseTarget("http://a:5050/api/v1?x=1")
	if err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string]string{
		"//b:5051/api/v1?x=1": "http://b:5051/api/v1?x=1", "//b:5051": "http://b:5051/api/v1?x=1", "http://b/": "http://b/", "/y": "http://a:5050/y",
		"https://b/z": "https://b/z", "//b?q": "http://b/?q", "y": "", "ftp://b/": "", "": "",
	} {
		got, err := from.follow(location)
		if want == "" {
			if err == nil {
				t.Errorf("%q leads to %s, want an error", location, got.url())
			}
			continue
		}
		if err != nil || got.url() != want {
			t.Errorf("%q leads to %s %v, want %s", location, got.url(), err, want)
		}
	}
	for url, addr := range map[string]string{"http://x/": "x:80", "https://x/": "x:443", "http://[::1]/": "[::1]:80", "http://[::1]:5/": "[::1]:5"} {
		if tg, err := parseTarget(url); err != nil || tg.addr() != addr {
			t.Errorf("%s dials %s %v, want %s", url, tg.addr(), err, addr)
		}
	}
}

// FuzzChunkReader: what decodes must decode to what the standard library reads.
func FuzzChunkReader(f *testing.F) {
	for _, s := range []string{"3\r\nabc\r\n0\r\n\r\n", "a;x\r\n0123456789\r\n1\r\nx\r\n0\r\nT: v\r\n\r\n", "3\r\nab", "zz\r\n", "0\r\n\r\n", "3\nabc\n0\n\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := io.ReadAll(&chunkReader{br: bufio.NewReader(bytes.NewReader(data))})
		if err != nil {
			return
		}
		want, wantErr := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(data)))
		if wantErr == nil && !bytes.Equal(got, want) {
			t.Fatalf("%q decoded to %q, want %q", data, got, want)
		}
	})
}

func TestChunkReaderHandsOnWhatIsThere(t *testing.T) {
	pr, pw := io.Pipe()
	r := &chunkReader{br: bufio.NewReader(pr)}
	go func() { _, _ = io.WriteString(pw, "5\r\nhello\r\n5\r\nwo") }()
	buf := make([]byte, 100)
	for _, want := range []string{"hello", "wo"} {
		if n, err := r.Read(buf); err != nil || string(buf[:n]) != want {
			t.Fatalf("got %q %v, want %q", buf[:n], err, want)
		}
	}
	pw.Close()
	if _, err := r.Read(buf); err != io.ErrUnexpectedEOF {
		t.Errorf("cut in a chunk: %v", err)
	}
	for _, bad := range []string{"x\r\n", "-1\r\n", "3\r\nabcX\r\n", strings.Repeat("1", 9000)} {
		if _, err := io.ReadAll(&chunkReader{br: bufio.NewReader(strings.NewReader(bad))}); err == nil {
			t.Errorf("%.20q decoded", bad)
		}
	}
}
