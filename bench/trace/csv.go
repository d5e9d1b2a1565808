package trace

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxLine bounds a line, in bytes; longer ones make no sense.
const maxLine = 64 << 10

// firstBad is how many bad lines are told in words.
const firstBad = 5

// line is the fields of one, by the names of their columns.
type line struct {
	columns map[string]int
	fields  []string
	err     error // the first field that was not what it should be
}

// text of a column; empty if the line or file does not have it.
func (l *line) text(column string) string {
	i, ok := l.columns[column]
	if !ok || i >= len(l.fields) {
		return ""
	}
	return l.fields[i]
}

func (l *line) fail(column, want string) {
	if l.err == nil {
		l.err = fmt.Errorf("%s: got %.40q, want %s", column, l.text(column), want)
	}
}

// whole number of a column.
func (l *line) whole(column string) int64 {
	v, err := strconv.ParseInt(l.text(column), 10, 64)
	if err != nil {
		l.fail(column, "a whole number")
	}
	return v
}

// number of a column, of at least 0; an empty one is 0.
func (l *line) number(column string) float64 {
	text := l.text(column)
	if text == "" {
		return 0
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v < 1e12) {
		l.fail(column, "a number of at least 0")
		return 0
	}
	return v
}

// code of a column that has a number or a name.
func (l *line) code(column string, names []string) int {
	text := l.text(column)
	if v, err := strconv.Atoi(text); err == nil && v >= 0 && v < len(names) {
		return v
	}
	if i := slices.Index(names, text); i >= 0 {
		return i
	}
	l.fail(column, "a number below "+strconv.Itoa(len(names))+" or one of "+strings.Join(names, ", "))
	return -1
}

// files of a table: NAME.csv, or NAME and what parts of a large table are called, in
// the order of their names.
func (r *reader) files(table string) (files []string, err error) {
	for _, pattern := range []string{".csv", ".csv.gz", ".csv.zst", "-*.csv", "-*.csv.gz", "-*.csv.zst"} {
		got, err := filepath.Glob(filepath.Join(r.dir, table+pattern))
		if err != nil {
			return nil, err
		}
		files = append(files, got...)
	}
	slices.Sort(files)
	return files, nil
}

// each calls do for each line of each file of a table. Files without a header have
// columns in the order given. It says whether there was a file.
func (r *reader) each(table string, columns []string, do func(*line) error) (bool, error) {
	files, err := r.files(table)
	if err != nil {
		return false, err
	}
	for _, f := range files {
		if err := r.file(f, columns, do); err != nil {
			return true, fmt.Errorf("%s: %w", f, err)
		}
	}
	return len(files) > 0, nil
}

// open returns the text of a file, which may be compressed.
func open(name string) (io.Reader, func() error, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	var text io.Reader = f
	end := f.Close
	switch filepath.Ext(name) {
	case ".gz":
		if text, err = gzip.NewReader(f); err != nil {
			return nil, nil, errors.Join(err, f.Close())
		}
	case ".zst":
		d, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
		if err != nil {
			return nil, nil, errors.Join(err, f.Close())
		}
		text = d
		end = func() error { d.Close(); return f.Close() }
	}
	return text, end, nil
}

func (r *reader) file(name string, columns []string, do func(*line) error) (err error) {
	text, end, err := open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	r.out.Stats.Files++
	in := bufio.NewReaderSize(text, maxLine)
	l := &line{columns: positions(columns)}
	bad := 0
	for n := 1; ; n++ {
		raw, err := in.ReadSlice('\n')
		if len(raw) == 0 && err == io.EOF {
			return nil
		}
		var fault error
		switch {
		case err == nil || err == io.EOF:
			r.out.Stats.Lines++
			fault = l.take(strings.TrimRight(string(raw), "\r\n"), n, columns, do)
		case errors.Is(err, bufio.ErrBufferFull):
			r.out.Stats.Lines++
			fault = fmt.Errorf("got more than %d bytes", maxLine)
			if err := skip(in); err != nil && err != io.EOF {
				return err
			}
		default:
			return fmt.Errorf("line %d: %w", n, err)
		}
		if fault != nil {
			bad++
			r.out.Stats.Bad++
			if len(r.out.Stats.First) < firstBad {
				r.out.Stats.First = append(r.out.Stats.First, fmt.Sprintf("%s:%d: %v", filepath.Base(name), n, fault))
			}
			if bad > r.o.MaxBad {
				return fmt.Errorf("line %d: %w; %d lines make no sense, want at most %d: is this the right kind of file?", n, fault, bad, r.o.MaxBad)
			}
		}
	}
}

// skip reads on to the end of a line.
func skip(in *bufio.Reader) error {
	for {
		if _, err := in.ReadSlice('\n'); !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func positions(columns []string) map[string]int {
	at := map[string]int{}
	for i, c := range columns {
		at[c] = i
	}
	return at
}

// take takes a line. The first of a file may be its header, which then says where columns are.
func (l *line) take(text string, n int, columns []string, do func(*line) error) error {
	if text == "" {
		return nil
	}
	fields, err := split(text, l.fields[:0])
	if err != nil {
		return err
	}
	l.fields, l.err = fields, nil
	if n == 1 && slices.Contains(columns, fields[0]) {
		header := make([]string, len(fields))
		for i, f := range fields {
			header[i] = strings.Clone(f)
		}
		l.columns = positions(header)
		return nil
	}
	return do(l)
}

// split cuts a line at its commas. A field in quotes may hold commas and doubled quotes.
func split(text string, fields []string) ([]string, error) {
	for {
		if !strings.HasPrefix(text, `"`) {
			field, after, more := strings.Cut(text, ",")
			fields = append(fields, field)
			if !more {
				return fields, nil
			}
			text = after
			continue
		}
		var b strings.Builder
		rest := text[1:]
		for {
			before, after, closed := strings.Cut(rest, `"`)
			if !closed {
				return fields, errors.New("a quoted field does not end")
			}
			b.WriteString(before)
			if !strings.HasPrefix(after, `"`) {
				rest = after
				break
			}
			b.WriteByte('"')
			rest = after[1:]
		}
		fields = append(fields, b.String())
		switch {
		case rest == "":
			return fields, nil
		case rest[0] != ',':
			return fields, errors.New("text follows a quoted field")
		}
		text = rest[1:]
	}
}
