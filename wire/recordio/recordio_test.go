package recordio

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func all(r *Reader) (records []string, err error) {
	for {
		record, err := r.Next()
		if err != nil {
			return records, err
		}
		records = append(records, string(record))
	}
}

func TestReader(t *testing.T) {
	for _, c := range []struct {
		stream string
		want   []string
		err    error
		text   string
	}{
		{"", nil, io.EOF, ""},
		{"5\nhello0\n3\na\nb", []string{"hello", "", "a\nb"}, io.EOF, ""},
		{"005\nhello", []string{"hello"}, io.EOF, ""},
		{"2\né", []string{"é"}, io.EOF, ""},
		{"5\nhel", nil, io.ErrUnexpectedEOF, ""},
		{"5", nil, io.ErrUnexpectedEOF, ""},
		{"5\n", nil, io.ErrUnexpectedEOF, ""},
		{"0\n1\nxoops\n", []string{"", "x"}, ErrHeader, `got "oops\n", want decimal digits and a line feed`},
		{"\n", nil, ErrHeader, `got "\n"`},
		{"-1\nx", nil, ErrHeader, `got "-1\nx"`},
		{"1\r\nx", nil, ErrHeader, `got "1\r\nx"`},
		{" 1\nx", nil, ErrHeader, `got " 1\nx"`},
		{strings.Repeat("1", 1000), nil, ErrHeader, `got "111111111111111111111"`},
		{"00000000000000000000000001\nx", nil, ErrHeader, ""},
		{"18446744073709551616\nx", nil, ErrHeader, ""},
		{"18446744073709551615\nx", nil, ErrTooLong, "got 18446744073709551615 bytes, want at most 10"},
		{"11\nhello world", nil, ErrTooLong, "got 11 bytes, want at most 10"},
		{"10\nhelloworld", []string{"helloworld"}, io.EOF, ""},
	} {
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"whole":  func(r io.Reader) io.Reader { return r },
			"bytes":  iotest.OneByteReader,
			"halves": iotest.HalfReader,
			"late":   iotest.DataErrReader,
		} {
			r := NewReaderLimit(wrap(strings.NewReader(c.stream)), 10)
			got, err := all(r)
			if fmt.Sprint(got) != fmt.Sprint(c.want) || !errors.Is(err, c.err) || !(strings.Contains(err.Error(), c.text) || name == "bytes") {
				t.Errorf("%.40q by %s: got %q, %v, want %q, %v %s", c.stream, name, got, err, c.want, c.err, c.text)
			}
			if _, again := r.Next(); again != err {
				t.Errorf("%.40q: got %v after %v", c.stream, again, err)
			}
		}
	}
}

// bufio's own reader and strconv are the slow model of the same framing.
func slowReader(stream []byte, limit uint64) (records []string, err error) {
	r := bufio.NewReader(bytes.NewReader(stream))
	for {
		header, err := r.ReadString('\n')
		if err != nil {
			return records, err
		}
		digits := strings.TrimSuffix(header, "\n")
		n, err := strconv.ParseUint(digits, 10, 64)
		if err != nil || len(digits) > maxHeader || strings.Trim(digits, "0123456789") != "" {
			return records, ErrHeader
		}
		if n > limit {
			return records, ErrTooLong
		}
		record := make([]byte, n)
		if _, err := io.ReadFull(r, record); err != nil {
			return records, io.ErrUnexpectedEOF
		}
		records = append(records, string(record))
	}
}

func FuzzReader(f *testing.F) {
	for _, s := range []string{"", "5\nhello0\n3\na\nb", "5\nhel", "x", "18446744073709551616\nx", "18446744073709551615\n", "0\n0\n0\n", "99999999\n", "00000000000000000001\nx"} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, stream []byte, chunk uint8) {
		const limit = 1 << 16
		want, wantErr := slowReader(stream, limit)
		r := NewReaderLimit(&chunked{stream, int(chunk) + 1}, limit)
		got, err := all(r)
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		// At the end within a header the model only knows the end.
		if wantErr != io.EOF && !errors.Is(err, wantErr) && !(wantErr == ErrHeader || wantErr == ErrTooLong) {
			t.Fatalf("got %v, want %v", err, wantErr)
		}
		if (wantErr == ErrHeader || wantErr == ErrTooLong) && !errors.Is(err, ErrHeader) && !errors.Is(err, ErrTooLong) {
			t.Fatalf("got %v, want %v", err, wantErr)
		}
	})
}

// chunked gives at most size bytes a time.
type chunked struct {
	data []byte
	size int
}

func (c *chunked) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.size)], c.data)
	c.data = c.data[n:]
	return n, nil
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOf(rapid.Custom(func(t *rapid.T) []byte {
			return bytes.Repeat([]byte("x\n7"), rapid.IntRange(0, 5000).Draw(t, "thirds"))
		})).Draw(t, "records")
		var stream bytes.Buffer
		w := NewWriter(&stream)
		for _, record := range records {
			before := stream.Len()
			if n, err := w.Write(record); n != len(record) || err != nil {
				t.Fatal(n, err)
			}
			if got := stream.Len() - before - len(record); got != HeaderSize(len(record)) {
				t.Fatalf("header of %d bytes, want %d", got, HeaderSize(len(record)))
			}
		}
		r := NewReader(&chunked{stream.Bytes(), rapid.IntRange(1, 10000).Draw(t, "chunk")})
		for i, want := range records {
			if got, err := r.Next(); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("record %d: got %d bytes, %v, want %d", i, len(got), err, len(want))
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Fatal(err)
		}
	})
}

// A header that announces much does not make the reader allocate it.
func TestMemoryFollowsTheBytesThatCame(t *testing.T) {
	r := NewReader(strings.NewReader(strconv.Itoa(MaxRecord) + "\n" + strings.Repeat("x", 10_000)))
	if _, err := r.Next(); err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
	if cap(r.buf) > 64<<10 {
		t.Errorf("holds %d bytes", cap(r.buf))
	}
}

func TestLargeBufferIsLetGo(t *testing.T) {
	stream := Append(Append(Append(nil, make([]byte, MaxRecord)), []byte("small")), []byte("last"))
	r := NewReader(bytes.NewReader(stream))
	for _, want := range []int{MaxRecord, 5, 4} {
		if got, err := r.Next(); err != nil || len(got) != want {
			t.Fatal(len(got), err)
		}
	}
	if cap(r.buf) > keep {
		t.Errorf("still holds %d bytes", cap(r.buf))
	}
}

func TestWriterRefusesTooLong(t *testing.T) {
	if _, err := NewWriter(io.Discard).Write(make([]byte, MaxRecord+1)); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
}

func TestWriterTellsOfFailure(t *testing.T) {
	if n, err := NewWriter(failing{}).Write([]byte("x")); n != 0 || err != io.ErrClosedPipe {
		t.Error(n, err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestHeaderSize(t *testing.T) {
	for _, n := range []int{0, 9, 10, 99, 100, MaxRecord, math.MaxInt64} {
		if got, want := HeaderSize(n), len(AppendHeader(nil, n)); got != want {
			t.Errorf("%d: got %d, want %d", n, got, want)
		}
	}
}

// A stalled reader that returns neither bytes nor an error must not spin for ever.
func TestNoProgress(t *testing.T) {
	if _, err := NewReader(stalled{}).Next(); err != io.ErrNoProgress {
		t.Error(err)
	}
}

type stalled struct{}

func (stalled) Read([]byte) (int, error) { return 0, nil }

// endless repeats data.
type endless struct {
	data []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.data[e.at:])
	e.at = (e.at + n) % len(e.data)
	return n, nil
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	record := bytes.Repeat([]byte("x"), 517)
	r := NewReader(&endless{data: Append(nil, record)})
	w := NewWriter(io.Discard)
	if n := testing.AllocsPerRun(1000, func() {
		if got, err := r.Next(); err != nil || len(got) != len(record) {
			panic(err)
		}
		w.Write(record)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkReader(b *testing.B) {
	for _, size := range []int{0, 500, 100_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			r := NewReader(&endless{data: Append(nil, make([]byte, size))})
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	record, buf := make([]byte, 500), make([]byte, 0, 1024)
	b.SetBytes(500)
	for b.Loop() {
		buf = Append(buf[:0], record)
	}
}
